import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { app } from '../../../test/fixtures/app/app.ts'
import { isGlobalScope } from '../../../test/fixtures/identity_scope.ts'
import { backgroundScope } from '../../db/tenancy.ts'
import { startTestApp, type TestApp, type TestTenant, type TestUser } from '../../testing.ts'

let api: TestApp
beforeAll(async () => {
  api = await startTestApp(app, { SIGNIN_LIMIT_ACCOUNT: '3' })
})
afterAll(() => api.close())

const NEW = 'brand new battery'

const change = (tenant: TestTenant, user: TestUser, body: unknown) =>
  tenant.send({ method: 'PUT', path: '/api/account/password', user, body })

const signIn = (tenant: TestTenant, { email }: TestUser, password: string) =>
  tenant.send({ method: 'POST', path: '/api/auth/login', body: { email, password } })

const statusOf = async (tenant: TestTenant, token: string) =>
  (await tenant.send({ path: '/api/auth/me', headers: { authorization: `Bearer ${token}` } }))
    .status

describe('a change of the own password', () => {
  test.runIf(isGlobalScope())(
    'ends every other session in every tenant, and no refresh of them works (SESS-9)',
    async () => {
      const [tenant, other] = [await api.makeTenant(), await api.makeTenant()]
      const user = await tenant.makeUser()
      const there = await other.makeUser({ email: user.email, password: user.password })
      const second = (await signIn(tenant, user, user.password)).json
      const reply = await change(tenant, user, {
        current_password: user.password,
        new_password: NEW,
      })
      expect([reply.status, reply.text]).toEqual([204, ''])
      expect(await statusOf(tenant, user.accessToken)).toBe(200)
      expect(await statusOf(tenant, second.access_token)).toBe(401)
      expect(await statusOf(other, there.accessToken)).toBe(401)
      const refresh = (refresh_token: string) =>
        tenant.send({ method: 'POST', path: '/api/auth/refresh', body: { refresh_token } })
      expect((await refresh(second.refresh_token)).status).toBe(401)
      expect((await refresh(user.refreshToken)).status).toBe(200)
      expect((await signIn(tenant, user, user.password)).status).toBe(401)
      expect((await signIn(tenant, user, NEW)).status).toBe(200)
      const [mail] = await api.mailsTo(user.email)
      expect(mail?.subject).toContain('was changed')
    },
  )

  test.runIf(isGlobalScope())(
    'is recorded once with its actor here, and without one in each tenant of the person',
    async () => {
      const [tenant, other] = [await api.makeTenant(), await api.makeTenant()]
      const user = await tenant.makeUser()
      await other.makeUser({ email: user.email, password: user.password })
      await change(tenant, user, { current_password: user.password, new_password: NEW })
      const actions = (it: TestTenant) =>
        api.database.inTenant(backgroundScope(it.id), async (db) => {
          const rows = await db
            .selectFrom('tenantry.audit_logs')
            .select(['action', 'actor_id'])
            .where('action', 'like', '%password_change')
            .orderBy('action')
            .execute()
          return rows.map((row) => [row.action, row.actor_id])
        })
      expect(await actions(tenant)).toEqual([
        ['auth.password_change', user.id],
        ['users.password_change', null],
      ])
      expect(await actions(other)).toEqual([['users.password_change', null]])
    },
  )

  test('of two at the same time succeeds once, and the other changes nothing', async () => {
    const tenant = await api.makeTenant()
    const user = await tenant.makeUser()
    const passwords = [`${NEW} one`, `${NEW} two`]
    const replies = await Promise.all(
      passwords.map((new_password) =>
        change(tenant, user, { current_password: user.password, new_password }),
      ),
    )
    const statuses = replies.map((it) => it.status)
    // 422: the other one began after the change, with a password that is no longer the current one.
    expect([409, 422]).toContain(Math.max(...statuses))
    expect(Math.min(...statuses)).toBe(204)
    const [winner = '', loser = ''] = statuses[0] === 204 ? passwords : [...passwords].reverse()
    expect((await signIn(tenant, user, winner)).status).toBe(200)
    expect((await signIn(tenant, user, loser)).status).toBe(401)
    expect(await statusOf(tenant, user.accessToken)).toBe(200)
  })

  test.each([
    ['the new one is too short', { new_password: 'short' }, '/new_password'],
    ['the new one is the own address', { new_password: undefined }, '/new_password'],
    ['the current one is wrong', { current_password: 'wrong battery horse' }, '/current_password'],
  ])('is rejected if %s, and changes nothing', async (_, body, pointer) => {
    const tenant = await api.makeTenant()
    const user = await tenant.makeUser()
    const given = { current_password: user.password, new_password: NEW, ...body }
    const reply = await change(tenant, user, {
      ...given,
      new_password: given.new_password ?? user.email,
    })
    expect([reply.status, reply.json.errors[0].pointer]).toEqual([422, pointer])
    expect((await signIn(tenant, user, user.password)).status).toBe(200)
  })

  test('counts guesses against the limits of sign-in (AUTHN-5)', async () => {
    const tenant = await api.makeTenant()
    const user = await tenant.makeUser()
    const guess = () => change(tenant, user, { current_password: 'wrong', new_password: NEW })
    const replies = await Promise.all([guess(), guess(), guess(), guess(), guess()])
    expect(replies.map((it) => it.status).sort()).toEqual([422, 422, 422, 429, 429])
    const right = { current_password: user.password, new_password: NEW }
    expect((await change(tenant, user, right)).status).toBe(429)
  })
})
