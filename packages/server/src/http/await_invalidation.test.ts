import { expect, test } from 'vitest'
import { AppError, unavailable } from '../lib/errors.ts'
import { awaitInvalidation } from './await_invalidation.ts'

const lost = unavailable('database.unavailable', 'The database is not available')
const rejection = (revoked: boolean) =>
  new AppError('unauthenticated', 'token.reused', 'Used twice', { revoked })

/** How often `sync` was awaited by the time that `running` had settled. */
async function waits(revokes: boolean, running: Promise<unknown>): Promise<number> {
  let waited = 0
  const sync = async () => {
    waited++
  }
  await Promise.resolve(awaitInvalidation({ sync: sync }, { revokes }, running)).catch(() => {})
  return waited
}

test.each([
  ['a request that revokes', true, () => Promise.resolve(), 1],
  ['a request that does not revoke', false, () => Promise.resolve(), 0],
  ['a rejection that says it revoked', false, () => Promise.reject(rejection(true)), 1],
  [
    'a rejection by a route that revokes, which was rolled back',
    true,
    () => Promise.reject(rejection(false)),
    0,
  ],
  ['a lost reply to COMMIT', true, () => Promise.reject(lost), 1],
  ['an unexpected error', true, () => Promise.reject(new Error('oops')), 1],
  ['a lost reply on a route that does not revoke', false, () => Promise.reject(lost), 0],
])(
  '%s waits for the invalidation only if it may have revoked (SESS-6)',
  async (_, revokes, run, count) => {
    expect(await waits(revokes, run())).toBe(count)
  },
)

test('a result without a promise waits for nothing', () => {
  const sync = () => Promise.reject(new Error('sync was called'))
  expect(awaitInvalidation({ sync: sync }, { revokes: true }, 'done')).toBe('done')
})
