import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { app } from '../../../test/fixtures/app/app.ts'
import { backgroundScope } from '../../db/tenancy.ts'
import { startTestApp, type TestApp, type TestTenant, type TestUser } from '../../testing.ts'

let api: TestApp
beforeAll(async () => {
  api = await startTestApp(app)
})
afterAll(() => api.close())

const create = (tenant: TestTenant, user: TestUser, body: unknown) =>
  tenant.send({ method: 'POST', path: '/api/roles', user, body })

describe('custom roles', () => {
  test('can be created, granted, changed and deleted, and take effect immediately', async () => {
    const tenant = await api.makeTenant()
    const admin = await tenant.makeUser({ roles: ['admin_tenant'] })
    const user = await tenant.makeUser()
    const made = await create(tenant, admin, { name: 'reader', permissions: ['projects:read'] })
    expect(made.status).toBe(201)
    expect(made.headers['location']).toBe(`/api/roles/${made.json.id}`)
    const path = `/api/roles/${made.json.id}`
    const member = { method: 'PATCH', path: `/api/members/${user.id}`, user: admin }
    await tenant.send({ ...member, body: { roles: ['reader'] } })
    const read = () => tenant.send({ path: '/api/projects', user })
    expect((await read()).status).toBe(200)
    const inUse = await tenant.send({ method: 'DELETE', path, user: admin })
    expect([inUse.status, inUse.json.code]).toEqual([409, 'role.in_use'])
    await tenant.send({ method: 'PATCH', path, user: admin, body: { permissions: [] } })
    expect((await read()).status).toBe(403)
    await tenant.send({ ...member, body: { roles: [] } })
    expect((await tenant.send({ method: 'DELETE', path, user: admin })).status).toBe(204)
    expect((await tenant.send({ path, user: admin })).status).toBe(404)
  })

  test('are listed, and so are the system roles and all permissions', async () => {
    const tenant = await api.makeTenant()
    const admin = await tenant.makeUser({ roles: ['admin_tenant'] })
    await create(tenant, admin, { name: 'reader', permissions: ['projects:read'] })
    const own = await tenant.send({ path: '/api/roles', user: admin })
    expect(own.json.items).toMatchObject([
      { name: 'reader', is_system: false, permissions: ['projects:read'] },
    ])
    const system = await tenant.send({ path: '/api/system-roles', user: admin })
    expect(system.json.items.map((it: { name: string }) => it.name)).toEqual(
      Object.keys(app.policy.roles),
    )
    const catalogue = await tenant.send({ path: '/api/permissions', user: admin })
    expect(catalogue.json.items).toEqual(app.policy.permissions)
  })

  test('never become a system role of the same name that a later release adds (AUTHZ-3)', async () => {
    const tenant = await api.makeTenant()
    const user = await tenant.makeUser()
    await api.database.inTenant(backgroundScope(tenant.id), async (db) => {
      const id = '01890000-0000-7000-8000-00000000000a'
      await db.insertInto('tenantry.roles').values({ id, name: 'admin_tenant' }).execute()
      await db
        .insertInto('tenantry.member_roles')
        .values({ user_id: user.id, role: 'admin_tenant', role_id: id })
        .execute()
    })
    const greeting = { method: 'POST', path: '/api/permission-check/admin-only', user }
    expect((await tenant.send(greeting)).status).toBe(403)
    expect((await tenant.send({ path: '/api/projects', user })).status).toBe(403)
  })

  test("belong to one tenant: two tenants can use one name, and neither sees the other's role (RLS-6)", async () => {
    const [a, b] = [await api.makeTenant(), await api.makeTenant()]
    const inA = await a.makeUser({ roles: ['admin_tenant'] })
    const inB = await b.makeUser({ roles: ['admin_tenant'] })
    const role = { name: 'reader', permissions: [] }
    const [first, second] = [await create(a, inA, role), await create(b, inB, role)]
    expect([first.status, second.status]).toEqual([201, 201])
    const theirs = await a.send({ path: `/api/roles/${second.json.id}`, user: inA })
    expect(theirs.status).toBe(404)
    const again = await create(a, inA, role)
    expect([again.status, again.json.code]).toEqual([409, 'role.exists'])
  })

  test('cannot grant or touch a permission that the actor lacks (AUTHZ-3)', async () => {
    const tenant = await api.makeTenant()
    const admin = await tenant.makeUser({ roles: ['admin_tenant'] })
    const roles = ['roles:read', 'roles:create', 'roles:update', 'roles:delete', 'projects:read']
    await create(tenant, admin, { name: 'role_keeper', permissions: roles })
    const keeper = await tenant.makeUser({ roles: ['role_keeper'] })
    const above = await create(tenant, keeper, { name: 'big', permissions: ['projects:delete'] })
    expect([above.status, above.json.code]).toEqual([403, 'permission.cannot_grant'])
    const own = await create(tenant, keeper, { name: 'small', permissions: ['projects:read'] })
    expect(own.status).toBe(201)
    const path = `/api/roles/${own.json.id}`
    const lifted = await tenant.send({
      method: 'PATCH',
      path,
      user: keeper,
      body: { permissions: ['projects:read', 'members:update'] },
    })
    expect(lifted.status).toBe(403)
    const strong = await create(tenant, admin, { name: 'strong', permissions: ['members:update'] })
    const strongPath = `/api/roles/${strong.json.id}`
    expect((await tenant.send({ method: 'DELETE', path: strongPath, user: keeper })).status).toBe(
      403,
    )
    const body = { permissions: [] }
    const emptied = await tenant.send({ method: 'PATCH', path: strongPath, user: keeper, body })
    expect(emptied.status).toBe(403)
  })

  test('can be changed and deleted while they hold a permission that a release removed', async () => {
    const tenant = await api.makeTenant()
    const admin = await tenant.makeUser({ roles: ['admin_tenant'] })
    const old = await create(tenant, admin, { name: 'old', permissions: ['projects:read'] })
    await api.database.inTenant(backgroundScope(tenant.id), (db) =>
      db
        .insertInto('tenantry.role_permissions')
        .values({ role_id: old.json.id, permission: 'widgets:read' })
        .execute(),
    )
    const path = `/api/roles/${old.json.id}`
    const body = { permissions: ['projects:read'] }
    const changed = await tenant.send({ method: 'PATCH', path, user: admin, body })
    expect([changed.status, changed.json.permissions]).toEqual([200, ['projects:read']])
    expect((await tenant.send({ method: 'DELETE', path, user: admin })).status).toBe(204)
  })

  test('reject unknown permissions, patterns and the names of system roles', async () => {
    const tenant = await api.makeTenant()
    const admin = await tenant.makeUser({ roles: ['admin_tenant'] })
    const bad = await create(tenant, admin, { name: 'x', permissions: ['*', 'projects:fly'] })
    expect(bad.json.errors.map((it: { pointer: string }) => it.pointer)).toEqual([
      '/permissions/0',
      '/permissions/1',
    ])
    const taken = await create(tenant, admin, { name: 'manager', permissions: [] })
    expect([taken.status, taken.json.code]).toEqual([409, 'role.exists'])
    expect((await create(tenant, admin, { name: 'Not Snake', permissions: [] })).status).toBe(422)
  })
})
