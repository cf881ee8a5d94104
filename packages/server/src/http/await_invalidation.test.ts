import { expect, test } from 'vitest'
import { AppError, unavailable } from '../lib/errors.ts'
import { awaitInvalidation } from './await_invalidation.ts'

const lost = unavailable('database.unavailable', 'The database is not available')
const rejection = (revoked: boolean) =>
  new AppError('unauthenticated', 'token.reused', 'Used twice', { revoked })

/** How often it was waited for what was announced, by the time that `running` had ended. */
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
  ['one that does not', false, () => Promise.resolve(), 0],
  ['a refusal that says it revoked', false, () => Promise.reject(rejection(true)), 1],
  [
    'a refusal by a route that revokes: it is taken back',
    true,
    () => Promise.reject(rejection(false)),
    0,
  ],
  ['a COMMIT whose answer was lost', true, () => Promise.reject(lost), 1],
  ['a failure nobody foresaw', true, () => Promise.reject(new Error('oops')), 1],
  ['a lost answer where nothing is revoked', false, () => Promise.reject(lost), 0],
])(
  '%s waits until it was heard of, or has nothing to hear (SESS-6)',
  async (_, revokes, run, count) => {
    expect(await waits(revokes, run())).toBe(count)
  },
)

test('what is there at once waits for nothing', () => {
  const sync = () => Promise.reject(new Error('never asked'))
  expect(awaitInvalidation({ sync: sync }, { revokes: true }, 'done')).toBe('done')
})
