import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { app } from '../../../test/fixtures/app/app.ts'
import { backgroundScope } from '../../db/tenancy.ts'
import { newId } from '../../lib/ids.ts'
import { startTestApp, type TestApp, type TestTenant, type TestUser } from '../../testing.ts'

let api: TestApp
beforeAll(async () => {
  api = await startTestApp(app)
})
afterAll(() => api.close())

async function scene() {
  const tenant = await api.makeTenant()
  const admin = await tenant.makeUser({ roles: ['admin_tenant'] })
  const role = await tenant.send({
    method: 'POST',
    path: '/api/roles',
    user: admin,
    body: { name: 'closer', permissions: ['projects:delete', 'projects:read'] },
  })
  const manager = await tenant.makeUser({ roles: ['manager'] })
  const member = await tenant.makeUser({ roles: ['closer', 'operator'] })
  return { tenant, admin, manager, member, roleId: role.json.id as string }
}

const explain = async (tenant: TestTenant, by: TestUser, of: TestUser, permission: string) =>
  (
    await tenant.send({
      path: `/api/members/${of.id}/permissions?permission=${permission}`,
      user: by,
    })
  ).json.items[0]

describe('the permissions of a member', () => {
  test('are those that the member really has, each with its roles', async () => {
    const { tenant, admin, member } = await scene()
    const { json } = await tenant.send({
      path: `/api/members/${member.id}/permissions`,
      user: admin,
    })
    const me = await tenant.send({ path: '/api/auth/me', user: member })
    const names = json.items.map((it: { permission: string }) => it.permission)
    expect(names.sort()).toEqual([...me.json.permissions].sort())
    expect(json.items).toContainEqual({
      permission: 'projects:read',
      allowed: true,
      granted_by: ['operator', 'closer'],
    })
    expect(json.items).toContainEqual({
      permission: 'projects:delete',
      allowed: true,
      granted_by: ['closer'],
    })
  })

  test('are explained, held or not, with what the actor could do about it', async () => {
    const { tenant, admin, manager, member } = await scene()
    expect(await explain(tenant, admin, member, 'roles:create')).toEqual({
      permission: 'roles:create',
      allowed: false,
      granted_by: [],
      granting_roles: ['admin_tenant'],
      you_may_grant: true,
    })
    expect(await explain(tenant, manager, member, 'roles:create')).toMatchObject({
      you_may_grant: false,
    })
    expect(await explain(tenant, manager, member, 'projects:delete')).toMatchObject({
      granting_roles: ['admin_tenant', 'manager', 'closer'],
      granted_by: ['closer'],
      you_may_grant: true,
    })
    // Members cannot change their own membership, nor that of a member with more permissions.
    expect(await explain(tenant, manager, manager, 'projects:read')).toMatchObject({
      you_may_grant: false,
    })
    expect(await explain(tenant, manager, admin, 'projects:read')).toMatchObject({
      you_may_grant: false,
    })
  })

  test('do not depend on how many other roles grant them', async () => {
    const { tenant, admin } = await scene()
    const permissions = ['projects:delete']
    await api.database.inTenant(backgroundScope(tenant.id), async (db) => {
      const others = Array.from({ length: 120 }, (_, at) => ({ id: newId(), name: `a${at}` }))
      await db.insertInto('tenantry.roles').values(others).execute()
      const grants = others.map(({ id }) => ({ role_id: id, permission: 'projects:delete' }))
      await db.insertInto('tenantry.role_permissions').values(grants).execute()
    })
    const body = { name: 'zealous', permissions }
    await tenant.send({ method: 'POST', path: '/api/roles', user: admin, body })
    const member = await tenant.makeUser({ roles: ['zealous'] })
    expect(await explain(tenant, admin, member, 'projects:delete')).toMatchObject({
      allowed: true,
      granted_by: ['zealous'],
    })
  })

  test('name the roles of others only to members who may read roles', async () => {
    const { tenant, admin, member } = await scene()
    const body = { name: 'people_reader', permissions: ['members:read', 'members:update'] }
    await tenant.send({ method: 'POST', path: '/api/roles', user: admin, body })
    const reader = await tenant.makeUser({ roles: ['people_reader'] })
    const found = await explain(tenant, reader, member, 'roles:create')
    expect(found).toEqual({
      permission: 'roles:create',
      allowed: false,
      granted_by: [],
      you_may_grant: false,
    })
    expect(await explain(tenant, reader, member, 'projects:delete')).toMatchObject({
      granted_by: ['closer'],
    })
  })

  test('may be granted by a role that comes after more than a hundred others', async () => {
    const { tenant, admin } = await scene()
    await api.database.inTenant(backgroundScope(tenant.id), async (db) => {
      const others = Array.from({ length: 101 }, (_, at) => ({ id: newId(), name: `a${at}` }))
      await db.insertInto('tenantry.roles').values(others).execute()
      const grants = others.flatMap(({ id }) =>
        ['projects:delete', 'roles:create'].map((permission) => ({ role_id: id, permission })),
      )
      await db.insertInto('tenantry.role_permissions').values(grants).execute()
    })
    const permissions = ['members:read', 'members:update', 'projects:delete']
    const body = { name: 'helper', permissions }
    await tenant.send({ method: 'POST', path: '/api/roles', user: admin, body })
    const [helper, member] = [
      await tenant.makeUser({ roles: ['helper'] }),
      await tenant.makeUser({ roles: [] }),
    ]
    expect((await explain(tenant, helper, member, 'projects:delete')).you_may_grant).toBe(true)
    const weaker = { ...body, name: 'aide', permissions: ['members:read', 'members:update'] }
    await tenant.send({ method: 'POST', path: '/api/roles', user: admin, body: weaker })
    const aide = await tenant.makeUser({ roles: ['aide'] })
    const found = await explain(tenant, aide, member, 'projects:delete')
    expect(found.you_may_grant).toBe(false)
  })

  test('are not allowed while the membership is inactive', async () => {
    const { tenant, admin, member } = await scene()
    const path = `/api/members/${member.id}`
    await tenant.send({ method: 'PATCH', path, user: admin, body: { is_active: false } })
    const found = await explain(tenant, admin, member, 'projects:read')
    expect([found.allowed, found.granted_by]).toEqual([false, ['operator', 'closer']])
  })

  test('of an unknown member get 404, an unknown permission 422', async () => {
    const { tenant, admin, member } = await scene()
    const ask = (path: string) => tenant.send({ path, user: admin })
    const unknown = '/api/members/01890000-0000-7000-8000-000000000000/permissions'
    expect((await ask(unknown)).status).toBe(404)
    const reply = await ask(`/api/members/${member.id}/permissions?permission=projects:fly`)
    expect([reply.status, reply.json.errors[0].pointer]).toEqual([422, '/query/permission'])
  })
})

test('the members of a custom role are listed in pages; an unknown role gets 404', async () => {
  const { tenant, admin, member, roleId } = await scene()
  const second = await tenant.makeUser({ roles: ['closer'] })
  const first = await tenant.send({ path: `/api/roles/${roleId}/members?limit=1`, user: admin })
  const rest = `/api/roles/${roleId}/members?limit=1&cursor=${first.json.next_cursor}`
  const next = await tenant.send({ path: rest, user: admin })
  const ids = [...first.json.items, ...next.json.items].map((it: { id: string }) => it.id)
  expect(ids).toEqual([second.id, member.id])
  const unknown = '/api/roles/01890000-0000-7000-8000-000000000000/members'
  expect((await tenant.send({ path: unknown, user: admin })).status).toBe(404)
})
