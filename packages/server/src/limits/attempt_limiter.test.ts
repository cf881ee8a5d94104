import { sql } from 'kysely'
import { afterEach, expect, test, vi } from 'vitest'
import { app } from '../../test/fixtures/app/app.ts'
import { Deadline } from '../lib/deadline.ts'
import { keyRing } from '../lib/keys.ts'
import { startTestApp } from '../testing.ts'
import { createAttemptLimiter } from './attempt_limiter.ts'

afterEach(() => {
  vi.useRealTimers()
})

test('a purge each minute deletes all expired counters and no others', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  const api = await startTestApp(app)
  const row = (key: string, seconds: number) => ({
    // As long as a real key, which is a keyed hash.
    key: key.padEnd(43, '_'),
    attempts: 1,
    resets_at: new Date(Date.now() + seconds * 1_000),
  })
  const expired = Array.from({ length: 1_500 }, (_, at) => row(`expired-${at}`, -10))
  await api.database.asIdentity({ deadline: 'background' }, (db) =>
    db
      .insertInto('tenantry.attempt_counters')
      .values([...expired, row('not-expired', 600)])
      .execute(),
  )
  vi.advanceTimersByTime(60_000)
  await api.running.settle()
  const left = await api.database.asIdentity({ deadline: 'background' }, (db) =>
    db
      .selectFrom('tenantry.attempt_counters')
      .select('key')
      .where('key', 'like', '%expired%')
      .execute(),
  )
  expect(left).toEqual([{ key: 'not-expired'.padEnd(43, '_') }])
  await api.close()
})

test('a limit is reset when its window ends, and a new window begins', async () => {
  const api = await startTestApp(app)
  const attemptLimiter = createAttemptLimiter(
    api.database,
    keyRing('the secret of this test alone'),
    true,
  )
  // Its window distinguishes the row of this test from those of other tests.
  const limit = { name: 'signin', subject: ['ann'], limit: 2, windowSeconds: 9_000_000 }
  const take = () => attemptLimiter.reserve(new Deadline(5_000), [limit])
  await take()
  await take()
  await expect(take()).rejects.toMatchObject({ kind: 'rate_limited' })
  const row = await api.database.asIdentity({ deadline: 'background' }, (db) =>
    db
      .updateTable('tenantry.attempt_counters')
      .set({ resets_at: sql<string>`now()` })
      .where('resets_at', '>', sql<string>`now() + interval '8000000 s'`)
      .returning('key')
      .executeTakeFirstOrThrow(),
  )
  await take()
  const { attempts, ahead } = await api.database.asIdentity({ deadline: 'background' }, (db) =>
    db
      .selectFrom('tenantry.attempt_counters')
      .select(['attempts', sql<number>`extract(epoch from resets_at - now())::integer`.as('ahead')])
      .where('key', '=', row.key)
      .executeTakeFirstOrThrow(),
  )
  expect(attempts).toBe(1)
  expect(ahead).toBeGreaterThan(8_000_000)
  await api.close()
})
