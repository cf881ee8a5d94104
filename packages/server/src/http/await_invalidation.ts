import type { Route } from '../app/route.ts'
import type { InvalidationListener } from '../invalidation/listener.ts'
import { AppError } from '../lib/errors.ts'
import type { MaybePromise } from '../lib/maybe_promise.ts'

/**
 * Settles like `running`. If the work may have revoked permissions, this process has received the
 * invalidation first, whether the work succeeded or failed: no later request is served with the old ones.
 */
export function awaitInvalidation<T>(
  listener: Pick<InvalidationListener, 'sync'>,
  route: Pick<Route, 'revokes'>,
  running: MaybePromise<T>,
): MaybePromise<T> {
  // Work that returns no promise has not queried the database.
  return running instanceof Promise ? synced(listener, route, running) : running
}

async function synced<T>(
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

// A rejected write was rolled back, unless the error says that it revoked something. A write that failed in
// any other way may be committed: COMMIT may have arrived, and only its reply may be lost.
function mayHaveRevoked({ revokes }: Pick<Route, 'revokes'>, error: unknown): boolean {
  const isRejection = error instanceof AppError && error.kind !== 'unavailable'
  return isRejection ? error.extras.revoked === true : revokes
}
