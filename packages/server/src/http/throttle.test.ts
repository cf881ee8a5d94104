import { afterEach, expect, test, vi } from 'vitest'
import { app } from '../../../../starter/src/app.ts'
import { startTestApp } from '../testing.ts'

afterEach(() => {
  vi.useRealTimers()
})

test('what is over is removed each minute, however much it is, and nothing else is', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  const api = await startTestApp(app)
  const row = (key: string, seconds: number) => ({
    // As long as the keyed hashes among which it stands.
    key: key.padEnd(43, '_'),
    points: 1,
    resets_at: new Date(Date.now() + seconds * 1_000),
  })
  const over = Array.from({ length: 1_500 }, (_, at) => row(`over-${at}`, -10))
  await api.doors.asIdentity((db) =>
    db
      .insertInto('tenantry.throttles')
      .values([...over, row('not-over', 600)])
      .execute(),
  )
  vi.advanceTimersByTime(60_000)
  await api.running.settle()
  const left = await api.doors.asIdentity((db) =>
    db.selectFrom('tenantry.throttles').select('key').where('key', 'like', '%over%').execute(),
  )
  expect(left).toEqual([{ key: 'not-over'.padEnd(43, '_') }])
  await api.close()
})
