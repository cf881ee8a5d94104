import { CompiledQuery, sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { app } from '../../../test/fixtures/app/app.ts'
import { backgroundScope } from '../../db/tenancy.ts'
import { startTestApp, type TestApp, type TestTenant, type TestUser } from '../../testing.ts'

let api: TestApp
beforeAll(async () => {
  api = await startTestApp(app)
})
afterAll(() => api.close())

const patch = (
  tenant: TestTenant,
  by: TestUser,
  member: TestUser,
  body: unknown,
  ifMatch?: string,
) =>
  tenant.send({
    method: 'PATCH',
    path: `/api/members/${member.id}`,
    user: by,
    body,
    headers: ifMatch === undefined ? {} : { 'if-match': ifMatch },
  })

describe('members', () => {
  test('are given roles without a query that reads all roles (DOS-5)', async () => {
    const tenant = await api.makeTenant()
    const admin = await tenant.makeUser({ roles: ['admin_tenant'] })
    const member = await tenant.makeUser()
    await api.database.inTenant(backgroundScope(tenant.id), (db) =>
      sql`
        insert into tenantry.roles (id, name)
        select gen_random_uuid(), 'role_' || n from generate_series(1, 500) n`.execute(db),
    )
    const statements = await api.statementsOf(async () => {
      const reply = await patch(tenant, admin, member, { roles: ['operator', 'role_7'] })
      expect([reply.status, reply.json.roles]).toEqual([200, ['operator', 'role_7']])
    })
    const reads = statements.filter(({ text }) => /^\s*select/i.test(text))
    expect(reads.length).toBeGreaterThan(0)
    for (const { text, values } of reads) {
      const query = CompiledQuery.raw(text, [...values])
      const { rows } = await api.database.inTenant(backgroundScope(tenant.id), (db) =>
        db.executeQuery(query),
      )
      expect(rows.length, text).toBeLessThan(100)
    }
  })

  test('are listed in pages and shown individually', async () => {
    const tenant = await api.makeTenant()
    const admin = await tenant.makeUser({ roles: ['admin_tenant'] })
    const operator = await tenant.makeUser({ roles: ['operator'] })
    const first = await tenant.send({ path: '/api/members?limit=1', user: admin })
    const next = `/api/members?limit=1&cursor=${first.json.next_cursor}`
    const second = await tenant.send({ path: next, user: admin })
    const ids = [...first.json.items, ...second.json.items].map((it: { id: string }) => it.id)
    expect(ids).toEqual([operator.id, admin.id])
    expect(second.json.next_cursor).toBeNull()
    const one = await tenant.send({ path: `/api/members/${operator.id}`, user: admin })
    expect(one.json).toMatchObject({ email: operator.email, roles: ['operator'], is_active: true })
  })

  test('of another tenant get the same 404, byte for byte, as an unknown id', async () => {
    const [a, b] = [await api.makeTenant(), await api.makeTenant()]
    const admin = await a.makeUser({ roles: ['admin_tenant'] })
    const outsider = await b.makeUser()
    const unknown = '01890000-0000-7000-8000-000000000000'
    for (const method of ['GET', 'PATCH', 'DELETE']) {
      const body = method === 'PATCH' ? { is_active: false } : undefined
      const ask = (id: string) => a.send({ method, path: `/api/members/${id}`, user: admin, body })
      const [foreign, missing] = [await ask(outsider.id), await ask(unknown)]
      expect(foreign.status).toBe(404)
      expect({ ...foreign.json, instance: '' }).toEqual({ ...missing.json, instance: '' })
    }
  })

  test('lose a permission immediately when a role is removed (AUTHZ-6)', async () => {
    const tenant = await api.makeTenant()
    const admin = await tenant.makeUser({ roles: ['admin_tenant'] })
    const operator = await tenant.makeUser({ roles: ['operator'] })
    const read = () => tenant.send({ path: '/api/projects', user: operator })
    expect((await read()).status).toBe(200)
    const reply = await patch(tenant, admin, operator, { roles: [] })
    expect([reply.status, reply.json.roles]).toEqual([200, []])
    expect((await read()).status).toBe(403)
  })

  test('who are deactivated or removed are signed out immediately (SESS-6)', async () => {
    const tenant = await api.makeTenant()
    const admin = await tenant.makeUser({ roles: ['admin_tenant'] })
    const [off, gone] = [await tenant.makeUser(), await tenant.makeUser()]
    expect((await patch(tenant, admin, off, { is_active: false })).status).toBe(200)
    const path = `/api/members/${gone.id}`
    expect((await tenant.send({ method: 'DELETE', path, user: admin })).status).toBe(204)
    for (const user of [off, gone]) {
      expect((await tenant.send({ path: '/api/auth/me', user })).status).toBe(401)
      const body = { refresh_token: user.refreshToken }
      const refreshed = await tenant.send({ method: 'POST', path: '/api/auth/refresh', body })
      expect(refreshed.status).toBe(401)
    }
    expect((await patch(tenant, admin, off, { is_active: true })).status).toBe(200)
    expect((await tenant.send({ path: '/api/auth/me', user: off })).status).toBe(401)
  })

  test('cannot be given a permission that the actor lacks (AUTHZ-3)', async () => {
    const tenant = await api.makeTenant()
    const admin = await tenant.makeUser({ roles: ['admin_tenant'] })
    const manager = await tenant.makeUser({ roles: ['manager'] })
    const operator = await tenant.makeUser({ roles: ['operator'] })
    const up = await patch(tenant, manager, operator, { roles: ['admin_tenant'] })
    expect([up.status, up.json.code]).toEqual([403, 'permission.cannot_grant'])
    const down = await patch(tenant, manager, admin, { roles: [] })
    expect([down.status, down.json.code]).toEqual([403, 'permission.cannot_grant'])
    const off = await patch(tenant, manager, admin, { is_active: false })
    expect(off.status).toBe(403)
    const self = await patch(tenant, admin, admin, { roles: ['admin_tenant'] })
    expect([self.status, self.json.code]).toEqual([403, 'member.self'])
    expect((await patch(tenant, manager, operator, { roles: ['manager'] })).status).toBe(200)
  })

  test('two administrators who demote each other leave one (AUTHZ-3)', async () => {
    const tenant = await api.makeTenant()
    for (let round = 0; round < 10; round++) {
      const [a, b] = [
        await tenant.makeUser({ roles: ['admin_tenant'] }),
        await tenant.makeUser({ roles: ['admin_tenant'] }),
      ]
      const replies = await Promise.all([
        patch(tenant, a, b, { roles: [] }),
        patch(tenant, b, a, { roles: [] }),
      ])
      expect(replies.map((it) => it.status).sort()).toEqual([200, 403])
    }
  })

  test('unknown roles are named, lost updates rejected, changes audited', async () => {
    const tenant = await api.makeTenant()
    const admin = await tenant.makeUser({ roles: ['admin_tenant'] })
    const operator = await tenant.makeUser({ roles: ['operator'] })
    const bad = await patch(tenant, admin, operator, { roles: ['operator', 'king'] })
    expect(bad.json.errors).toEqual([{ pointer: '/roles/1', message: 'is not the name of a role' }])
    const { headers } = await tenant.send({ path: `/api/members/${operator.id}`, user: admin })
    const etag = headers['etag'] ?? ''
    expect((await patch(tenant, admin, operator, { roles: ['manager'] }, etag)).status).toBe(200)
    expect((await patch(tenant, admin, operator, { roles: [] }, etag)).status).toBe(412)
    const log = await tenant.send({ path: '/api/audit-logs?action=members.update', user: admin })
    expect(log.json.items).toHaveLength(1)
    expect(log.json.items[0]).toMatchObject({
      actor_id: admin.id,
      entity: 'members',
      entity_id: operator.id,
      meta: { roles: ['manager'], before: { roles: ['operator'], is_active: true } },
    })
  })
})
