import { unavailable } from './errors.ts'

/**
 * The time that one request may spend waiting: for a look-up, a concurrency slot, a connection, the
 * first reply of the database. Each wait shortens the next one. The request's own work does not count,
 * however slow it is.
 */
export class Deadline {
  #leftMs: number
  readonly #minimumMs: number

  constructor(ms: number) {
    this.#leftMs = ms
    this.#minimumMs = ms / 10
  }

  /** Never below a tenth of the whole: a request that got a slot late must be able to use it. */
  get remainingMs(): number {
    return Math.max(this.#leftMs, this.#minimumMs)
  }

  /** Runs `wait` with the remaining time and deducts the time it took. */
  async wait<T>(wait: (leftMs: number) => Promise<T>): Promise<T> {
    const startedAt = performance.now()
    try {
      return await wait(this.remainingMs)
    } finally {
      this.#leftMs -= performance.now() - startedAt
    }
  }
}

/** Resolves with `work`, or throws 503 after `ms`. The timeout does not cancel the work. */
export async function rejectAfter<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const cause = new Error(`no answer within ${Math.round(ms)} ms`)
      reject(unavailable('database.unavailable', 'The database is not available', cause))
    }, ms)
  })
  return Promise.race([work, late]).finally(() => clearTimeout(timer))
}

/**
 * Waits for `work`, for `ms` at most. Resolves to true if the time ran out: the work goes on. The wait does not keep
 * the process alive.
 */
export async function withTimeout(work: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(true), ms).unref()
  })
  return Promise.race([work.then(() => false), late]).finally(() => clearTimeout(timer))
}
