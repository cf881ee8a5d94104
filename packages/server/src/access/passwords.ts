import { availableParallelism } from 'node:os'
import { hash, verify } from '@node-rs/argon2'
import { unavailable } from '../lib/errors.ts'
import { gauge, type Metric } from '../lib/metric.ts'
import { FairConcurrency } from '../limits/fair_concurrency.ts'
import { hashCheckOf } from './credentials/imported_hash.ts'
import { formsOf, preparePassword } from './prepare_password.ts'

/** What a hash costs: KiB of memory, and passes over them. */
export interface HashCost {
  memoryCost: number
  timeCost: number
}

/** OWASP's parameters for argon2id (Password Storage Cheat Sheet; ASVS 11.4.2). */
const OWASP: HashCost = { memoryCost: 19_456, timeCost: 2 }

// Of 32 discarded random bytes. A sign-in without a user is checked against a hash that ends so.
const DECOY = 'Bpaxk8LEc+JZCuq1/uACOg$jzebALzGK8c9DQ0q1ZsjNTmZyijKGwuRYebPGeFyZP8'

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
   * Checks each form of a password against a hash of argon2id or an imported one (imported_hash.ts). Without a
   * hash (no such user) the check fails after the work of one argon2id hash. A wrong password never costs less
   * than that: the time must not reveal whether a user exists. Throws 503 when the queue is full.
   */
  check(password: string, stored: string | null | undefined): Promise<PasswordCheck>
  metrics(): Metric[]
}

/** No setting reaches `cost`: only the test kit gives another one. */
export function createPasswords(cost = OWASP): Passwords {
  const parameters = { ...cost, parallelism: 1 }
  const current = `$argon2id$v=19$m=${cost.memoryCost},t=${cost.timeCost},p=1$`
  const workers = new FairConcurrency({
    maxRunning: WORKERS,
    maxWaiting: MAX_WAITING,
    // Every hash finishes, so no slot can hang.
    hungMs: Number.POSITIVE_INFINITY,
    busy: () => unavailable('signin.busy', 'Too many concurrent sign-ins; try again'),
  })
  const work = { key: 'hash', maxRunning: WORKERS }
  return {
    hash: (password) => workers.run(work, () => hash(preparePassword(password), parameters)),
    check: (password, stored) =>
      workers.run(work, () => checkForms(password, stored ?? '', current)),
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
async function checkForms(
  password: string,
  stored: string,
  current: string,
): Promise<PasswordCheck> {
  const [prepared, ...others] = formsOf(password)
  const check = await checkAgainst(prepared, stored, current)
  if (check.valid) return check
  for (const form of others) {
    if ((await checkAgainst(form, stored, current)).valid) return { valid: true, rehash: true }
  }
  return check
}

// `current` is how a hash with the parameters of today begins.
async function checkAgainst(
  password: string,
  stored: string,
  current: string,
): Promise<PasswordCheck> {
  const check = hashCheckOf(stored)
  const isCurrent = check !== undefined && stored.startsWith(current)
  if (await check?.(password)) return { valid: true, rehash: !isCurrent }
  // No user, an unreadable hash, or a wrong password for an imported one: as slow as argon2id.
  if (!isCurrent) await verify(`${current}${DECOY}`, password)
  return { valid: false, rehash: false }
}
