import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { app } from '../../../test/fixtures/app/app.ts'
import { backgroundScope } from '../../db/tenancy.ts'
import { startTestApp, type TestApp, type TestTenant, type TestUser } from '../../testing.ts'

let api: TestApp
beforeAll(async () => {
  api = await startTestApp(app)
})
afterAll(() => api.close())

async function signInAgain(tenant: TestTenant, { email, password }: TestUser): Promise<string> {
  const body = { email, password }
  const reply = await tenant.send({ method: 'POST', path: '/api/auth/login', body })
  return reply.json.access_token
}

const statusOf = async (tenant: TestTenant, accessToken: string) =>
  (await tenant.send({ path: '/api/auth/me', headers: { authorization: `Bearer ${accessToken}` } }))
    .status

describe('sessions', () => {
  test('are listed, and revoked individually with immediate effect (SESS-9)', async () => {
    const tenant = await api.makeTenant()
    const user = await tenant.makeUser()
    const second = await signInAgain(tenant, user)
    const { json } = await tenant.send({ path: '/api/sessions', user })
    expect(json.items.map((it: { is_current: boolean }) => it.is_current)).toEqual([false, true])
    const path = `/api/sessions/${json.items[0].id}`
    expect((await tenant.send({ method: 'DELETE', path, user })).status).toBe(204)
    expect(await statusOf(tenant, second)).toBe(401)
    expect(await statusOf(tenant, user.accessToken)).toBe(200)
    expect((await tenant.send({ method: 'DELETE', path, user })).status).toBe(404)
  })

  test('name browser and system, and all but the current one are revoked together (SESS-9)', async () => {
    const [tenant, other] = [await api.makeTenant(), await api.makeTenant()]
    const [user, colleague] = [await tenant.makeUser(), await tenant.makeUser()]
    const there = await other.makeUser({ email: user.email, password: user.password })
    const { email, password } = user
    const second = await tenant.send({
      method: 'POST',
      path: '/api/auth/login',
      body: { email, password },
      headers: { 'user-agent': 'Mozilla/5.0 (Windows NT 10.0; rv:145.0) Firefox/145.0' },
    })
    const before = await tenant.send({ path: '/api/sessions', user })
    expect(before.json.items.map((it: { client: string }) => it.client)).toEqual([
      'Firefox on Windows',
      '',
    ])
    const revoked = await tenant.send({ method: 'DELETE', path: '/api/sessions', user })
    expect([revoked.status, revoked.text]).toEqual([204, ''])
    expect(await statusOf(tenant, second.json.access_token)).toBe(401)
    expect(await statusOf(tenant, user.accessToken)).toBe(200)
    expect(await statusOf(tenant, colleague.accessToken)).toBe(200)
    expect(await statusOf(other, there.accessToken)).toBe(200)
  })

  test("are the user's own: another member's session gets 404", async () => {
    const tenant = await api.makeTenant()
    const [user, colleague] = [await tenant.makeUser(), await tenant.makeUser()]
    const theirs = await tenant.send({ path: '/api/sessions', user: colleague })
    const path = `/api/sessions/${theirs.json.items[0].id}`
    expect((await tenant.send({ method: 'DELETE', path, user })).status).toBe(404)
    expect(await statusOf(tenant, colleague.accessToken)).toBe(200)
  })

  test('of a member can be listed and revoked with the permission', async () => {
    const tenant = await api.makeTenant()
    const admin = await tenant.makeUser({ roles: ['admin_tenant'] })
    const user = await tenant.makeUser()
    const second = await signInAgain(tenant, user)
    const path = `/api/members/${user.id}/sessions`
    expect((await tenant.send({ path, user })).status).toBe(403)
    expect((await tenant.send({ path, user: admin })).json.items).toHaveLength(2)
    expect((await tenant.send({ method: 'DELETE', path, user: admin })).status).toBe(204)
    expect([await statusOf(tenant, user.accessToken), await statusOf(tenant, second)]).toEqual([
      401, 401,
    ])
    const unknown = '/api/members/01890000-0000-7000-8000-000000000000/sessions'
    expect((await tenant.send({ path: unknown, user: admin })).status).toBe(404)
  })

  test('are at most 1,000 per member: a further sign-in deletes the oldest (SESS-9)', async () => {
    const tenant = await api.makeTenant()
    const user = await tenant.makeUser()
    const second = await signInAgain(tenant, user)
    await api.database.inTenant(backgroundScope(tenant.id), (db) =>
      sql`
        insert into tenantry.sessions
          (id, user_id, idle_expires_at, expires_at, credentials_epoch, created_at, method, amr, kind, origin)
        select (lpad(to_hex(n), 8, '0') || '-0000-7000-8000-000000000000')::uuid,
          user_id, idle_expires_at, expires_at, credentials_epoch, created_at, method, amr, kind, origin
        from (select * from tenantry.sessions limit 1) one, generate_series(1, 2998) n`.execute(db),
    )
    const third = await signInAgain(tenant, user)
    const remaining = await api.database.inTenant(backgroundScope(tenant.id), (db) =>
      db.selectFrom('tenantry.sessions').select('id').execute(),
    )
    expect(remaining).toHaveLength(1_000)
    for (const token of [user.accessToken, second, third]) {
      expect(await statusOf(tenant, token)).toBe(200)
    }
  })

  test('cannot be revoked by an actor with fewer permissions than their owner (AUTHZ-3)', async () => {
    const tenant = await api.makeTenant()
    const admin = await tenant.makeUser({ roles: ['admin_tenant'] })
    const body = { name: 'session_keeper', permissions: ['sessions:read', 'sessions:delete'] }
    await tenant.send({ method: 'POST', path: '/api/roles', user: admin, body })
    const keeper = await tenant.makeUser({ roles: ['session_keeper'] })
    const guest = await tenant.makeUser()
    const revoke = (user: TestUser, owner: TestUser) =>
      tenant.send({ method: 'DELETE', path: `/api/members/${owner.id}/sessions`, user })
    const rejected = await revoke(keeper, admin)
    expect([rejected.status, rejected.json.code]).toEqual([403, 'permission.cannot_grant'])
    expect(await statusOf(tenant, admin.accessToken)).toBe(200)
    expect((await revoke(keeper, guest)).status).toBe(204)
    expect((await revoke(admin, keeper)).status).toBe(204)
    expect((await revoke(admin, admin)).status).toBe(204)
    expect(await statusOf(tenant, admin.accessToken)).toBe(401)
  })
})
