import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { app } from '../../../test/fixtures/app/app.ts'
import { isGlobalScope } from '../../../test/fixtures/identity_scope.ts'
import { startTestApp, type TestApp, type TestTenant, type TestUser } from '../../testing.ts'
import { deleteUser, disableUser } from '../users/end_user.ts'

let api: TestApp
beforeAll(async () => {
  api = await startTestApp(app)
})
afterAll(() => api.close())

const owner = { roles: ['admin_tenant'] }

const leave = (tenant: TestTenant, user: TestUser) =>
  tenant.send({ method: 'DELETE', path: '/api/account/membership', user })

const send = (tenant: TestTenant, user: TestUser, method: string, path: string, body?: unknown) =>
  tenant.send({ method, path, user, body })

const codeOf = ({ status, json }: { status: number; json: { code?: string } }) => [
  status,
  json?.code,
]

describe('a member who leaves', () => {
  test('loses the session immediately, and keeps the account and the other tenants', async () => {
    const [tenant, other] = [await api.makeTenant(), await api.makeTenant()]
    const user = await tenant.makeUser({ roles: ['operator'] })
    const there = await other.makeUser({ email: user.email, password: user.password })
    expect((await leave(tenant, user)).status).toBe(204)
    expect((await tenant.send({ path: '/api/auth/me', user })).status).toBe(401)
    expect((await other.send({ path: '/api/auth/me', user: there })).status).toBe(200)
    const { email, password } = user
    const again = await send(tenant, user, 'POST', '/api/auth/login', { email, password })
    expect(codeOf(again)).toEqual([403, 'member.required'])
  })
})

describe('the last owner of a tenant', () => {
  test('cannot leave; the last but one can', async () => {
    const tenant = await api.makeTenant()
    const [first, second] = [await tenant.makeUser(owner), await tenant.makeUser(owner)]
    expect((await leave(tenant, first)).status).toBe(204)
    expect(codeOf(await leave(tenant, second))).toEqual([409, 'member.last_owner'])
    expect((await tenant.send({ path: '/api/members', user: second })).json.items).toHaveLength(1)
  })

  test('stays when two leave at the same time, each time (AUTHZ-3)', async () => {
    for (let round = 0; round < 5; round++) {
      const tenant = await api.makeTenant()
      const owners = await Promise.all([1, 2, 3].map(() => tenant.makeUser(owner)))
      const replies = await Promise.all(owners.map((it) => leave(tenant, it)))
      const statuses = replies.map((it) => it.status).sort()
      expect(statuses).toEqual([204, 204, 409])
    }
  })

  test('stays when two deactivate each other at the same time', async () => {
    for (let round = 0; round < 5; round++) {
      const tenant = await api.makeTenant()
      const [one, two] = [await tenant.makeUser(owner), await tenant.makeUser(owner)]
      const off = (by: TestUser, it: TestUser) =>
        send(tenant, by, 'PATCH', `/api/members/${it.id}`, { is_active: false })
      const replies = await Promise.all([off(one, two), off(two, one)])
      expect(replies.filter((it) => it.status === 200)).toHaveLength(1)
    }
  })

  test('is not another one whose membership or user is inactive', async () => {
    const tenant = await api.makeTenant()
    const first = await tenant.makeUser(owner)
    const [idle, disabled] = [await tenant.makeUser(owner), await tenant.makeUser(owner)]
    await send(tenant, first, 'PATCH', `/api/members/${idle.id}`, { is_active: false })
    await api.database.acrossTenants('test', (db) =>
      db
        .updateTable('tenantry.users')
        .set({ is_active: false })
        .where('id', '=', disabled.id)
        .execute(),
    )
    expect(codeOf(await leave(tenant, first))).toEqual([409, 'member.last_owner'])
  })

  test('may be the sum of several roles, of which none can be emptied', async () => {
    const tenant = await api.makeTenant()
    const admin = await tenant.makeUser(owner)
    const all: string[] = (await tenant.send({ path: '/api/permissions', user: admin })).json.items
    const half = [all.slice(0, 5), all.slice(5)]
    const roles = await Promise.all(
      half.map((permissions, at) =>
        send(tenant, admin, 'POST', '/api/roles', { name: `half_${at}`, permissions }),
      ),
    )
    const sum = await tenant.makeUser({ roles: ['half_0', 'half_1'] })
    const helper = await tenant.makeUser({ roles: ['half_0', 'half_1', 'manager'] })
    expect((await leave(tenant, admin)).status).toBe(204)
    expect((await leave(tenant, helper)).status).toBe(204)
    const path = `/api/roles/${roles[1]?.json.id}`
    const emptied = await send(tenant, sum, 'PATCH', path, { permissions: half[1]?.slice(1) })
    expect(codeOf(emptied)).toEqual([409, 'member.last_owner'])
    expect((await tenant.send({ path, user: sum })).json.permissions).toHaveLength(
      half[1]?.length ?? 0,
    )
    expect(codeOf(await leave(tenant, sum))).toEqual([409, 'member.last_owner'])
  })
})

describe('a user who is disabled or deleted', () => {
  const disable = (user: TestUser) =>
    api.database.acrossTenants('test', (db) => disableUser(db, app.policy, user.id))
  const remove = (user: TestUser) =>
    api.database.acrossTenants('test', (db) => deleteUser(db, app.policy, user.id))
  const rejected = (names: string) => ({
    code: 'member.last_owner',
    status: 409,
    message: `${names} would have no member left with all permissions`,
  })

  test.runIf(isGlobalScope())(
    'is not the last owner of any of their tenants (AUTHZ-3)',
    async () => {
      const [one, two] = [await api.makeTenant(), await api.makeTenant()]
      const three = await api.makeTenant()
      const person = await one.makeUser(owner)
      await two.makeUser({ ...owner, email: person.email })
      await three.makeUser({ email: person.email, roles: ['operator'] })
      const names = [one.subdomain, two.subdomain].sort().join(', ')
      await expect(disable(person)).rejects.toMatchObject(rejected(names))
      await expect(remove(person)).rejects.toMatchObject(rejected(names))
      const [second, third] = [await one.makeUser(owner), await two.makeUser(owner)]
      await disable(third)
      await expect(disable(person)).rejects.toMatchObject(rejected(two.subdomain))
      await two.makeUser({ ...owner, email: second.email })
      await disable(person)
      expect((await one.send({ path: '/api/auth/me', user: person })).status).toBe(401)
      await expect(disable(second)).rejects.toMatchObject(rejected(names))
      await remove(person)
      expect((await one.send({ path: '/api/members', user: second })).json.items).toHaveLength(1)
    },
  )

  test('leaves an owner when two are disabled, deleted or leave at the same time', async () => {
    for (let round = 0; round < 4; round++) {
      const tenant = await api.makeTenant()
      const users = await Promise.all([1, 2, 3].map(() => tenant.makeUser(owner)))
      const [first, second, third] = users as [TestUser, TestUser, TestUser]
      const outcomes = await Promise.allSettled([
        disable(first),
        remove(second),
        leave(tenant, third).then(({ status }) =>
          status === 204 ? status : Promise.reject(status),
        ),
      ])
      expect(outcomes.filter((it) => it.status === 'fulfilled')).toHaveLength(2)
    }
  })
})

describe('a transfer of the ownership', () => {
  const transfer = (tenant: TestTenant, by: TestUser, body: unknown) =>
    send(tenant, by, 'POST', '/api/ownership-transfers', body)

  test('gives the roles of the owner to the other member, with immediate effect', async () => {
    const tenant = await api.makeTenant()
    const from = await tenant.makeUser(owner)
    const to = await tenant.makeUser({ roles: ['operator'] })
    const body = { user_id: to.id, current_password: from.password }
    expect((await transfer(tenant, from, body)).status).toBe(204)
    expect((await tenant.send({ path: '/api/auth/me', user: from })).json.roles).toEqual([])
    const me = await tenant.send({ path: '/api/auth/me', user: to })
    expect(me.json.roles).toEqual(['admin_tenant', 'operator'])
    expect((await transfer(tenant, from, body)).status).toBe(403)
  })

  test('asks for the current password, and for another active member', async () => {
    const tenant = await api.makeTenant()
    const other = await api.makeTenant()
    const from = await tenant.makeUser(owner)
    const [to, idle] = [await tenant.makeUser(), await tenant.makeUser()]
    const outsider = await other.makeUser()
    await send(tenant, from, 'PATCH', `/api/members/${idle.id}`, { is_active: false })
    const current_password = from.password
    const pointerOf = async (body: unknown) =>
      (await transfer(tenant, from, body)).json.errors?.[0].pointer
    expect(await pointerOf({ user_id: to.id, current_password: 'wrong' })).toBe('/current_password')
    expect(await pointerOf({ user_id: to.id })).toBe('/current_password')
    for (const user_id of [from.id, idle.id, outsider.id]) {
      expect(await pointerOf({ user_id, current_password })).toBe('/user_id')
    }
    expect((await tenant.send({ path: '/api/auth/me', user: from })).json.roles).toEqual(
      owner.roles,
    )
  })

  test('is not for a member who lacks a permission', async () => {
    const tenant = await api.makeTenant()
    const admin = await tenant.makeUser(owner)
    await send(tenant, admin, 'POST', '/api/roles', {
      name: 'courier',
      permissions: ['tenant:transfer'],
    })
    const courier = await tenant.makeUser({ roles: ['courier'] })
    const to = await tenant.makeUser()
    const body = { user_id: to.id, current_password: courier.password }
    expect(codeOf(await transfer(tenant, courier, body))).toEqual([403, 'permission.cannot_grant'])
  })
})
