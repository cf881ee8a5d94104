import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { app } from '../../../test/fixtures/app/app.ts'
import { backgroundScope } from '../../db/tenancy.ts'
import { startTestApp, type TestApp, type TestTenant, type TestUser } from '../../testing.ts'

let api: TestApp
beforeAll(async () => {
  api = await startTestApp(app)
})
afterAll(() => api.close())

interface Row {
  action: string
  actor_id: string | null
  meta: Record<string, unknown>
}

async function logOf(tenant: TestTenant, user: TestUser, query = ''): Promise<Row[]> {
  const reply = await tenant.send({ path: `/api/audit-logs?limit=100${query}`, user })
  expect(reply.status).toBe(200)
  return reply.json.items
}

describe('the audit log', () => {
  test('records every write with its actor, entity, address and request id (AUD-1)', async () => {
    const tenant = await api.makeTenant()
    const admin = await tenant.makeUser({ roles: ['admin_tenant'] })
    const body = { name: 'Audited' }
    const made = await tenant.send({ method: 'POST', path: '/api/projects', user: admin, body })
    const [row] = await logOf(tenant, admin, '&action=projects.create')
    expect(row).toMatchObject({
      action: 'projects.create',
      actor_id: admin.id,
      entity: 'projects',
      entity_id: made.json.id,
      request_id: made.headers['x-request-id'],
      address: '127.0.0.1',
    })
  })

  test('a write and its audit row commit together or not at all (AUD-3)', async () => {
    const tenant = await api.makeTenant()
    const admin = await tenant.makeUser({ roles: ['admin_tenant'] })
    const body = { name: 'Once' }
    const create = () => tenant.send({ method: 'POST', path: '/api/projects', user: admin, body })
    expect([(await create()).status, (await create()).status]).toEqual([201, 409])
    expect(await logOf(tenant, admin, '&action=projects.create')).toHaveLength(1)
    const tooLong = 'x'.repeat(500)
    const failing = api.database.inTenant(backgroundScope(tenant.id), async (db) => {
      await db.insertInto('tenantry.roles').values({ id: admin.id, name: 'unaudited' }).execute()
      await db.insertInto('tenantry.audit_logs').values({ action: tooLong }).execute()
    })
    await expect(failing).rejects.toThrow()
    const roles = await tenant.send({ path: '/api/roles', user: admin })
    expect(JSON.stringify(roles.json)).not.toContain('unaudited')
  })

  test('records sign-ins and rejections, and writes two rows for a flood of rejections', async () => {
    const tenant = await api.makeTenant()
    const admin = await tenant.makeUser({ roles: ['admin_tenant'] })
    const user = await tenant.makeUser()
    for (let i = 0; i < 30; i++) await tenant.send({ path: '/api/projects', user })
    await expect
      .poll(async () => (await logOf(tenant, admin, '&action=access.denied')).length)
      .toBe(1)
    await api.running.settle()
    const rows = await logOf(tenant, admin, '&action=access.denied')
    expect(rows.map((it) => it.meta['repeated'])).toEqual([29, undefined])
    expect(await logOf(tenant, admin, '&action=auth.signed_in')).toHaveLength(2)
  })

  test('shows only rows of its tenant, filtered, to members with the permission', async () => {
    const [tenant, other] = [await api.makeTenant(), await api.makeTenant()]
    const admin = await tenant.makeUser({ roles: ['admin_tenant'] })
    const [member, otherAdmin] = [
      await tenant.makeUser(),
      await other.makeUser({ roles: ['admin_tenant'] }),
    ]
    expect((await tenant.send({ path: '/api/audit-logs', user: member })).status).toBe(403)
    const theirs = await logOf(other, otherAdmin)
    expect(JSON.stringify(theirs)).not.toContain(admin.id)
    const own = await logOf(tenant, admin, `&actor_id=${admin.id}`)
    expect(own.map((it) => it.actor_id)).toEqual([admin.id])
  })
})
