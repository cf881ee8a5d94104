import { createHash, createHmac } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { hash, verify } from '@node-rs/argon2'
import { verify as verifyBcrypt } from '@node-rs/bcrypt'
import { unavailable } from '../lib/errors.ts'
import { gauge, type Metric } from '../lib/metric.ts'

/** argon2id by OWASP's parameters (Password Storage Cheat Sheet; ASVS 11.4.2). */
const PARAMETERS = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const

// Of 32 random bytes that nobody kept: what a password is checked against where there is no user.
const DECOY =
  '$argon2id$v=19$m=19456,t=2,p=1$Bpaxk8LEc+JZCuq1/uACOg$jzebALzGK8c9DQ0q1ZsjNTmZyijKGwuRYebPGeFyZP8'

const ARGON2 = /^\$argon2(id|i|d)\$(v=\d+\$)?m=\d+,t=\d+,p=\d+\$[\w+/]+\$[\w+/]+$/

// The hash functions run on libuv's pool of four; file and DNS work needs threads of it too. And each
// takes a core for as long as it runs: one is left to the requests of those who are signed in.
const WORKERS = Math.max(1, Math.min(2, availableParallelism() - 1))
const MAX_WAITING = 100

/** The result of checking a password; `rehash` says that its hash should be replaced. */
export interface PasswordCheck {
  valid: boolean
  rehash: boolean
}

/** Hashing, one queue per process: the threads it must not exhaust are the process's. */
export interface Passwords {
  /** Hashes with argon2id. Waits its turn; throws 503 when too many wait already. */
  hash(password: string): Promise<string>
  /**
   * Checks a password against an argon2, bcrypt or passlib `$bcrypt-sha256$` hash. Without one (no
   * such user) it does the work of argon2id and says no; a wrong password never costs less. Throws 503 when too many wait already.
   */
  check(password: string, stored: string | null | undefined): Promise<PasswordCheck>
  metrics(): Metric[]
}

export function createPasswords(): Passwords {
  const { inTurn, stats } = boundedQueue(WORKERS, MAX_WAITING)
  return {
    hash: (password) => inTurn(() => hash(password, PARAMETERS)),
    check: (password, stored) => inTurn(() => checkAgainst(password, stored ?? '')),
    metrics: () => [
      gauge('tenantry_hashing_running', 'Passwords being hashed.', [], () => stats().running),
      gauge(
        'tenantry_hashing_waiting',
        'Passwords that wait to be hashed.',
        [],
        () => stats().waiting,
      ),
    ],
  }
}

async function checkAgainst(password: string, stored: string): Promise<PasswordCheck> {
  if (ARGON2.test(stored)) {
    return { valid: await verify(stored, password), rehash: !stored.includes(currentParameters) }
  }
  if (await checkImported(password, stored)) return { valid: true, rehash: true }
  // No user, no hash that can be read, a wrong password of an imported one: never less than the rest.
  await verify(DECOY, password)
  return { valid: false, rehash: false }
}

async function checkImported(password: string, stored: string): Promise<boolean> {
  if (stored.startsWith('$bcrypt-sha256$')) return checkPasslib(password, stored)
  return /^\$2[aby]\$/.test(stored) && verifyBcrypt(password, stored)
}

const currentParameters = `$m=${PARAMETERS.memoryCost},t=${PARAMETERS.timeCost},p=${PARAMETERS.parallelism}$`

// passlib hashes the password first, so that bcrypt's 72 bytes never cut it.
// v1: $bcrypt-sha256$2b,12$<salt>$<digest>; v2: $bcrypt-sha256$v=2,t=2b,r=12$<salt>$<digest>
async function checkPasslib(password: string, stored: string): Promise<boolean> {
  const parts =
    /^\$bcrypt-sha256\$(v=2,t=)?(2[ab]),(?:r=)?(\d{1,2})\$([./\w]{22})\$([./\w]{31})$/.exec(stored)
  if (parts === null) return false
  const [, version2, type, rounds = '', salt = '', digest] = parts
  const inner =
    version2 === undefined
      ? createHash('sha256').update(password).digest('base64')
      : createHmac('sha256', salt).update(password).digest('base64')
  return verifyBcrypt(inner, `$${type}$${rounds.padStart(2, '0')}$${salt}${digest}`)
}

function boundedQueue(workers: number, maxWaiting: number) {
  let running = 0
  const waiting: (() => void)[] = []
  return {
    stats: () => ({ running, waiting: waiting.length }),
    async inTurn<T>(work: () => Promise<T>): Promise<T> {
      if (running >= workers) {
        if (waiting.length >= maxWaiting) {
          throw unavailable('signin.busy', 'Too many sign-ins at once; try again')
        }
        await new Promise<void>((resolve) => waiting.push(resolve))
      } else running++
      try {
        return await work()
      } finally {
        // The place passes to the next in line; only when nobody waits is it free.
        const next = waiting.shift()
        if (next === undefined) running--
        else next()
      }
    },
  }
}
