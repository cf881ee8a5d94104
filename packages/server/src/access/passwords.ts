import { createHash, createHmac } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { hash, verify } from '@node-rs/argon2'
import { verify as verifyBcrypt } from '@node-rs/bcrypt'
import { unavailable } from '../lib/errors.ts'
import { gauge, type Metric } from '../lib/metric.ts'
import { FairConcurrency } from '../limits/fair_concurrency.ts'
import { formsOf, preparePassword } from './prepare_password.ts'

/** OWASP's parameters for argon2id (Password Storage Cheat Sheet; ASVS 11.4.2). */
const PARAMETERS = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const

// The hash of 32 discarded random bytes. A sign-in without a user is checked against it.
const DECOY =
  '$argon2id$v=19$m=19456,t=2,p=1$Bpaxk8LEc+JZCuq1/uACOg$jzebALzGK8c9DQ0q1ZsjNTmZyijKGwuRYebPGeFyZP8'

const ARGON2 = /^\$argon2(id|i|d)\$(v=\d+\$)?m=\d+,t=\d+,p=\d+\$[\w+/]+\$[\w+/]+$/

// The hash functions run on libuv's pool of four threads, which file and DNS work needs too. Each
// occupies a core while it runs: one core is left for other requests.
const WORKERS = Math.max(1, Math.min(2, availableParallelism() - 1))
const MAX_WAITING = 100

/** The result of a check. `rehash`: replace the stored hash by one with the current parameters. */
export interface PasswordCheck {
  valid: boolean
  rehash: boolean
}

/** Password hashing. One queue per process, because all hashing shares the threads of the process. */
export interface Passwords {
  /** Hashes the prepared password with argon2id. Waits for a slot; throws 503 when the queue is full. */
  hash(password: string): Promise<string>
  /**
   * Checks each form of a password against an argon2, bcrypt or passlib `$bcrypt-sha256$` hash. Without a hash (no
   * such user) the check fails after the work of one argon2id hash. A wrong password never costs less
   * than that: the time must not reveal whether a user exists. Throws 503 when the queue is full.
   */
  check(password: string, stored: string | null | undefined): Promise<PasswordCheck>
  metrics(): Metric[]
}

export function createPasswords(): Passwords {
  const workers = new FairConcurrency({
    maxRunning: WORKERS,
    maxWaiting: MAX_WAITING,
    // Every hash finishes, so no slot can hang.
    hungMs: Number.POSITIVE_INFINITY,
    busy: () => unavailable('signin.busy', 'Too many concurrent sign-ins; try again'),
  })
  const work = { key: 'hash', maxRunning: WORKERS }
  return {
    hash: (password) => workers.run(work, () => hash(preparePassword(password), PARAMETERS)),
    check: (password, stored) => workers.run(work, () => checkForms(password, stored ?? '')),
    metrics: () => [
      gauge(
        'tenantry_hashing_running',
        'Password hashes being computed.',
        [],
        () => workers.stats().running,
      ),
      gauge(
        'tenantry_hashing_waiting',
        'Password hashes waiting for a thread.',
        [],
        () => workers.stats().waiting,
      ),
    ],
  }
}

// The number of hashes depends on the given text alone, so it does not reveal whether a user exists.
async function checkForms(password: string, stored: string): Promise<PasswordCheck> {
  const [prepared, ...others] = formsOf(password)
  const check = await checkAgainst(prepared, stored)
  if (check.valid) return check
  for (const form of others) {
    if ((await checkAgainst(form, stored)).valid) return { valid: true, rehash: true }
  }
  return check
}

async function checkAgainst(password: string, stored: string): Promise<PasswordCheck> {
  if (ARGON2.test(stored)) {
    return { valid: await verify(stored, password), rehash: !stored.includes(currentParameters) }
  }
  if (await checkImported(password, stored)) return { valid: true, rehash: true }
  // No user, an unreadable hash, or a wrong password for an imported one: as slow as argon2id.
  await verify(DECOY, password)
  return { valid: false, rehash: false }
}

async function checkImported(password: string, stored: string): Promise<boolean> {
  if (stored.startsWith('$bcrypt-sha256$')) return checkPasslib(password, stored)
  return /^\$2[aby]\$/.test(stored) && verifyBcrypt(password, stored)
}

const currentParameters = `$m=${PARAMETERS.memoryCost},t=${PARAMETERS.timeCost},p=${PARAMETERS.parallelism}$`

// passlib hashes the password first, because bcrypt ignores everything after 72 bytes.
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
