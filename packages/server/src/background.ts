import type { Logger } from 'pino'
import { unavailable } from './errors.ts'

const MAX_PENDING = 200

/** Work that a reply does not wait for. Bounded, logged when it fails, drained at shutdown. */
export interface Background {
  /** Starts `work`. Where too much is pending it is dropped, and the log says so. */
  run(name: string, work: () => Promise<void>): void
  /** Throws 503 where too much is pending: for those who can still say no. */
  assertRoom(): void
  /** Resolves when everything started so far has ended. */
  drain(): Promise<void>
}

export function createBackground(log: Logger): Background {
  const pending = new Set<Promise<void>>()
  return {
    run(name, work) {
      if (pending.size >= MAX_PENDING) {
        log.error({ work: name }, 'background work was dropped: too much is pending')
        return
      }
      // In a later turn: nothing of it may delay, or be measured in, the reply.
      const done = new Promise<void>((resolve) => setImmediate(resolve))
        .then(work)
        .catch((err: unknown) => log.error({ err, work: name }, 'background work failed'))
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
  }
}
