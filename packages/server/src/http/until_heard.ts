import type { Feed } from '../db/feed.ts'
import { AppError } from '../errors.ts'
import type { Route } from './route.ts'

/**
 * Does `work`. Where it took rights away, whether it ends in a reply or in a refusal, this process has
 * heard of that before this resolves: what it serves next is never older.
 */
export async function untilHeard<T>(
  feed: Pick<Feed, 'catchUp'>,
  route: Pick<Route, 'revokes'>,
  work: () => Promise<T>,
): Promise<T> {
  let revoked = route.revokes
  try {
    return await work()
  } catch (error) {
    // A write that fails is taken back; who revokes and then refuses says so.
    revoked = error instanceof AppError && error.extras.revoked === true
    throw error
  } finally {
    if (revoked) await feed.catchUp()
  }
}
