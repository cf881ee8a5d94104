import type { Logger } from 'pino'
import { unavailable } from './errors.ts'

const MAX_PENDING = 200

/** Work that a reply does not wait for. Bounded, logged when it fails, drained at shutdown. */
export interface Background {
  /** Starts `work`; throws 503 when too much is pending. */
  run(name: string, work: () => Promise<void>): void
  /** Resolves when everything started so far has ended. */
  drain(): Promise<void>
}

export function createBackground(log: Logger): Background {
  const pending = new Set<Promise<void>>()
  return {
    run(name, work) {
      if (pending.size >= MAX_PENDING) {
        throw unavailable('server.busy', 'The server is busy; try again')
      }
      // In a later turn: nothing of it may delay, or be measured in, the reply.
      const done = new Promise<void>((resolve) => setImmediate(resolve))
        .then(work)
        .catch((err: unknown) => log.error({ err, work: name }, 'background work failed'))
        .finally(() => pending.delete(done))
      pending.add(done)
    },
    async drain() {
      while (pending.size > 0) await Promise.all(pending)
    },
  }
}
