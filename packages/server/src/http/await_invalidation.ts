import type { Route } from '../app/route.ts'
import type { InvalidationListener } from '../invalidation/listener.ts'
import { AppError } from '../lib/errors.ts'
import type { MaybePromise } from '../lib/maybe_promise.ts'

/**
 * What `running` work gives. Where it took rights away, whether it ends in a reply or in a refusal,
 * this process has heard of that before this resolves: what it serves next is never older.
 */
export function awaitInvalidation<T>(
  listener: Pick<InvalidationListener, 'sync'>,
  route: Pick<Route, 'revokes'>,
  running: MaybePromise<T>,
): MaybePromise<T> {
  // What is done at once has asked the database nothing.
  return running instanceof Promise ? heard(listener, route, running) : running
}

async function heard<T>(
  listener: Pick<InvalidationListener, 'sync'>,
  route: Pick<Route, 'revokes'>,
  running: Promise<T>,
): Promise<T> {
  let revoked = route.revokes
  try {
    return await running
  } catch (error) {
    revoked = mayHaveRevoked(route, error)
    throw error
  } finally {
    if (revoked) await listener.sync()
  }
}

// A write that is refused is taken back, unless who refuses says that it revoked. One that broke may have
// been done: COMMIT had arrived, and only its answer was lost.
function mayHaveRevoked({ revokes }: Pick<Route, 'revokes'>, error: unknown): boolean {
  const isRefusal = error instanceof AppError && error.kind !== 'unavailable'
  return isRefusal ? error.extras.revoked === true : revokes
}
