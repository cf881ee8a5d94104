import type { Logger } from 'pino'
import { unavailable } from '../lib/errors.ts'
import { counter, gauge, type Metric } from '../lib/metric.ts'

const MAX_PENDING = 200

/** Work that a reply does not wait for. It is bounded, logged if it fails, and drained at shutdown. */
export interface Background {
  /** Starts `work`, or drops it and logs that if too much is pending. */
  run(name: string, work: () => Promise<void>): void
  /** Throws 503 if too much is pending. For requests that can still be rejected. */
  assertRoom(): void
  /** Resolves when no work is pending. */
  drain(): Promise<void>
  metrics(): Metric[]
}

export function createBackground(log: Logger): Background {
  const pending = new Set<Promise<void>>()
  const failed = new Map<string, number>()
  const countFailure = (work: string) => failed.set(work, (failed.get(work) ?? 0) + 1)
  return {
    run(name, work) {
      if (pending.size >= MAX_PENDING) {
        countFailure(name)
        log.error({ work: name }, 'background work was dropped, because too much is pending')
        return
      }
      // Deferred to a later turn of the event loop: the work must not delay the reply.
      const done = new Promise<void>((resolve) => setImmediate(resolve))
        .then(work)
        .catch((err: unknown) => {
          countFailure(name)
          log.error({ err, work: name }, 'background work failed')
        })
        .finally(() => pending.delete(done))
      pending.add(done)
    },
    assertRoom() {
      if (pending.size < MAX_PENDING / 2) return
      throw unavailable('server.busy', 'The server is busy; try again')
    },
    async drain() {
      while (pending.size > 0) await Promise.all(pending)
    },
    metrics: () => [
      gauge(
        'tenantry_background_pending',
        'Background work that is pending.',
        [],
        () => pending.size,
      ),
      counter(
        'tenantry_background_failures_total',
        'Background work that failed or was dropped.',
        ['work'],
        () => [...failed].map(([work, count]) => [{ work }, count]),
      ),
    ],
  }
}
