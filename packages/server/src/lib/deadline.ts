import { unavailable } from './errors.ts'

/**
 * How much longer one request waits for others: for a look-up, for its tenant's turn, for a connection,
 * for the first answer of the database. What one wait used up the next does not have; the request's own
 * work, however slow, takes nothing off.
 */
export class Deadline {
  #leftMs: number
  readonly #lastMs: number

  constructor(ms: number) {
    this.#leftMs = ms
    this.#lastMs = ms / 10
  }

  /** A tenth of all at least: whoever got a turn at the last moment must have a chance to use it. */
  get remainingMs(): number {
    return Math.max(this.#leftMs, this.#lastMs)
  }

  /** Waits the way `wait` does, which is told for how long; that time is used up. */
  async wait<T>(wait: (leftMs: number) => Promise<T>): Promise<T> {
    const startedAt = performance.now()
    try {
      return await wait(this.remainingMs)
    } finally {
      this.#leftMs -= performance.now() - startedAt
    }
  }
}

/** What `work` gives, if it gives it in time. Throws 503 where it does not: the work goes on. */
export async function rejectAfter<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(unavailable('database.unavailable', 'The database is not available'))
    }, ms)
  })
  return Promise.race([work, late]).finally(() => clearTimeout(timer))
}
