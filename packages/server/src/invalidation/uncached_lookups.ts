import { unavailable } from '../lib/errors.ts'
import { FairConcurrency } from '../limits/fair_concurrency.ts'

/** Look-ups that read the database because the listener is stale. */
export interface UncachedLookups {
  /** Throws 503 where too many run. */
  run<T>(lookUp: () => Promise<T>): Promise<T>
}

/** Lets `max` look-ups run concurrently and rejects the rest: a queue would only grow. */
export function createUncachedLookups(max: number): UncachedLookups {
  const slots = new FairConcurrency({
    maxRunning: max,
    maxWaiting: 0,
    // A look-up has a time limit of its own.
    hungMs: Number.POSITIVE_INFINITY,
    busy: () => unavailable('server.invalidation_stale', 'The server is busy; try again'),
  })
  return { run: (lookUp) => slots.run({ key: 'look-up', maxRunning: max }, lookUp) }
}
