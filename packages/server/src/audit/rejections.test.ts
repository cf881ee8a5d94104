import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { app } from '../../test/fixtures/app/app.ts'
import { backgroundScope } from '../db/tenancy.ts'
import { startTestApp, type TestApp, type TestTenant } from '../testing.ts'
import { Rejections } from './rejections.ts'

let api: TestApp
beforeAll(async () => {
  api = await startTestApp(app, { TRUST_PROXY: '127.0.0.1', PUBLIC_RATE: '20' })
})
afterAll(() => api.close())

async function rowsOf(tenant: TestTenant, action: string) {
  return api.database.inTenant(backgroundScope(tenant.id), (db) =>
    db
      .selectFrom('tenantry.audit_logs')
      .select(['address', 'meta'])
      .where('action', '=', action)
      .orderBy('id')
      .execute(),
  )
}

const repeatedIn = (rows: { meta: unknown }[]) =>
  rows.reduce((sum, { meta }) => sum + Number((meta as { repeated?: number }).repeated ?? 1), 0)

const from = (at: number) => ({ id: '', address: `203.0.113.${at}`, userAgent: '' })

describe('rejections in the audit log', () => {
  test('from many clients leave a few rows, which count every request', async () => {
    const tenant = await api.makeTenant()
    const rejections = new Rejections(api.database, () => expect.unreachable())
    for (let at = 0; at < 200; at++) {
      rejections.record(tenant.id, from(at), { action: 'test.flood' })
      rejections.record(tenant.id, from(at % 7), { action: 'test.flood' })
    }
    await rejections.flush()
    const rows = await rowsOf(tenant, 'test.flood')
    expect(rows.length).toBeLessThanOrEqual(11)
    expect(repeatedIn(rows)).toBe(400)
    expect(rows.filter((it) => it.address === '')).toHaveLength(1)
  })

  test('of one action do not hide those of another, or of another tenant', async () => {
    const [tenant, other] = [await api.makeTenant(), await api.makeTenant()]
    const rejections = new Rejections(api.database, () => expect.unreachable())
    for (let at = 0; at < 100; at++) {
      rejections.record(tenant.id, from(at), { action: 'test.flood' })
    }
    rejections.record(tenant.id, from(200), { action: 'test.other' })
    rejections.record(other.id, from(200), { action: 'test.flood' })
    await rejections.flush()
    const [[own], [theirs]] = [
      await rowsOf(tenant, 'test.other'),
      await rowsOf(other, 'test.flood'),
    ]
    expect([own?.address, theirs?.address]).toEqual(['203.0.113.200', '203.0.113.200'])
  })

  test('of one tenant have a maximum for the day, and are still counted', async () => {
    const tenant = await api.makeTenant()
    const rejections = new Rejections(api.database, () => expect.unreachable(), 12)
    for (let minute = 0; minute < 10; minute++) {
      for (let at = 0; at < 6; at++) {
        rejections.record(tenant.id, from(at), { action: 'test.flood' })
      }
      // Ends every window, as a minute would.
      await rejections.flush()
    }
    const rows = await rowsOf(tenant, 'test.flood')
    expect(repeatedIn(rows)).toBe(60)
    expect(rows.slice(0, 12).some((it) => it.address !== '')).toBe(true)
    expect(rows.slice(12).every((it) => it.address === '')).toBe(true)
  })

  test('leave no row for a request that gets 429', async () => {
    const [tenant, other] = [await api.makeTenant(), await api.makeTenant()]
    const user = await other.makeUser()
    const headers = {
      'x-forwarded-for': '198.51.100.7',
      authorization: `Bearer ${user.accessToken}`,
    }
    const statuses: number[] = []
    for (let at = 0; at < 60; at++) {
      statuses.push((await tenant.send({ path: '/api/auth/me', headers })).status)
    }
    await api.running.settle()
    const rejected = statuses.filter((it) => it === 401).length
    expect(rejected).toBeLessThan(60)
    expect(repeatedIn(await rowsOf(tenant, 'token.foreign'))).toBe(rejected)
  })
})
