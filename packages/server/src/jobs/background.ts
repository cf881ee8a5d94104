import type { Logger } from 'pino'
import { unavailable } from '../lib/errors.ts'
import { counter, gauge, type Metric } from '../lib/metric.ts'

const MAX_PENDING = 200

/** Work that a reply does not wait for. Bounded, logged when it fails, drained at shutdown. */
export interface Background {
  /** Starts `work`. Where too much is pending it is dropped, and the log says so. */
  run(name: string, work: () => Promise<void>): void
  /** Throws 503 where too much is pending: for those who can still say no. */
  assertRoom(): void
  /** Resolves when everything started so far has ended. */
  drain(): Promise<void>
  metrics(): Metric[]
}

export function createBackground(log: Logger): Background {
  const pending = new Set<Promise<void>>()
  const failed = new Map<string, number>()
  const fail = (work: string) => failed.set(work, (failed.get(work) ?? 0) + 1)
  return {
    run(name, work) {
      if (pending.size >= MAX_PENDING) {
        fail(name)
        log.error({ work: name }, 'background work was dropped: too much is pending')
        return
      }
      // In a later turn: nothing of it may delay, or be measured in, the reply.
      const done = new Promise<void>((resolve) => setImmediate(resolve))
        .then(work)
        .catch((err: unknown) => {
          fail(name)
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
      gauge('tenantry_background_pending', 'Work that no reply waits for.', [], () => pending.size),
      counter('tenantry_background_failures_total', 'Such work that failed.', ['work'], () =>
        [...failed].map(([work, count]) => [{ work }, count]),
      ),
    ],
  }
}
