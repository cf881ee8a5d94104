import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Route } from '../../src/app/route.ts'
import { backgroundScope } from '../../src/db/tenancy.ts'
import { holdNames } from '../../src/modules/held_names/held_names.ts'
import { startTestApp, type TestApp, type TestTenant, type TestUser } from '../../src/testing.ts'
import { app } from '../fixtures/app/app.ts'
import { expectProblem } from '../fixtures/problem.ts'

let api: TestApp
let a: TestTenant
let b: TestTenant
let routes: readonly Route[]
let memberRoutes: Route[]
beforeAll(async () => {
  api = await startTestApp(app)
  ;[a, b] = [await api.makeTenant(), await api.makeTenant()]
  routes = api.running.routes
  memberRoutes = routes.filter((it) => it.access !== 'public' && it.access !== 'base')
})
afterAll(() => api.close())

const admin = { roles: ['admin_tenant'] }
const pathOf = ({ path }: Route) => path.replaceAll(/:\w+/g, () => randomUUID())
const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

async function auditOf(tenant: TestTenant, action: string) {
  await api.running.settle()
  return api.database.inTenant(backgroundScope(tenant.id), (db) =>
    db
      .selectFrom('tenantry.audit_logs')
      .select(['actor_id', 'session_id', 'meta', 'address'])
      .where('action', '=', action)
      .execute(),
  )
}

async function resetToken(tenant: TestTenant, { email }: TestUser): Promise<string> {
  await tenant.send({ method: 'POST', path: '/api/auth/forgot-password', body: { email } })
  const [mail] = await api.mailsTo(email)
  return /token=([\w-]+)/.exec(mail?.text ?? '')?.[1] ?? ''
}

const newPassword = 'tomato ladder seventeen'

describe("a credential of A on B's host (TEN-5)", () => {
  test('an access token is rejected on every route, and the attempt is audited in B', async () => {
    const [home, foreign] = [await api.makeTenant(), await api.makeTenant()]
    const user = await home.makeUser(admin)
    // The same user has the same role there: it is the token that is rejected.
    await foreign.makeUser({ ...admin, email: user.email })
    expect(memberRoutes.length).toBeGreaterThan(15)
    for (const route of memberRoutes) {
      const reply = await foreign.send({ method: route.method, path: pathOf(route), user })
      expectProblem(reply, 401)
      expect(reply.json.detail).toBe('Could not validate credentials')
      expect(reply.headers['www-authenticate']).toBe('Bearer')
      expect(reply.text).not.toMatch(
        new RegExp(`${home.subdomain}|${foreign.subdomain}|${user.email}`),
      )
    }
    // One row for the first attempt, one with the count of the minute; neither copies the token's claims.
    const rows = await auditOf(foreign, 'token.foreign')
    expect(rows).toHaveLength(2)
    expect(rows).toContainEqual(
      expect.objectContaining({ actor_id: null, session_id: null, address: '127.0.0.1' }),
    )
    expect(rows.map((it) => it.meta)).toContainEqual({ repeated: memberRoutes.length - 1 })
    expect(await auditOf(home, 'token.foreign')).toEqual([])
    expect((await home.send({ path: '/api/auth/me', user })).status).toBe(200)
  })

  test('a refresh token is neither exchanged nor revokes the session, and the attempt is audited', async () => {
    const [home, foreign] = [await api.makeTenant(), await api.makeTenant()]
    const user = await home.makeUser()
    await foreign.makeUser({ email: user.email })
    const body = { refresh_token: user.refreshToken }
    for (const path of ['/api/auth/refresh', '/api/auth/logout']) {
      const reply = await foreign.send({ method: 'POST', path, body })
      expectProblem(reply, 401)
      expect(reply.json.detail).toBe('Could not validate credentials')
    }
    expect(await auditOf(foreign, 'token.foreign')).toHaveLength(2)
    expect((await home.send({ method: 'POST', path: '/api/auth/refresh', body })).status).toBe(200)
  })

  test('a reset token resets no password, and still works in A', async () => {
    const user = await a.makeUser()
    await b.makeUser({ email: user.email })
    const body = { token: await resetToken(a, user), new_password: newPassword }
    const reset = (tenant: TestTenant) =>
      tenant.send({ method: 'POST', path: '/api/auth/reset-password', body })
    expectProblem(await reset(b), 400)
    expect((await reset(a)).status).toBe(200)
  })

  test('has no effect next to valid credentials of B: only the host selects the tenant', async () => {
    const user = await b.makeUser()
    const other = await a.makeUser()
    const { email, password } = user
    const reply = await b.send({
      method: 'POST',
      path: '/api/auth/login',
      headers: bearer(other.accessToken),
      body: { email, password },
    })
    expect([reply.status, reply.json.tenant]).toEqual([200, b.subdomain])
  })
})

test("a tenant that takes another's subdomain accepts none of its tokens and ids (TEN-10)", async () => {
  const [old, taker] = [await api.makeTenant(), await api.makeTenant()]
  const user = await old.makeUser(admin)
  const project = await old.send({
    method: 'POST',
    path: '/api/projects',
    user,
    body: { name: 'Old' },
  })
  const token = await resetToken(old, user)
  const rename = (tenant: TestTenant, subdomain: string) =>
    api.database.acrossTenants('test', async (db) => {
      await holdNames(db, { HELD_NAME_DAYS: 0 })
      await db
        .updateTable('tenantry.tenants')
        .set({ subdomain })
        .where('id', '=', tenant.id)
        .execute()
    })
  await rename(old, `${old.subdomain}-gone`)
  await rename(taker, old.subdomain)
  await taker.makeUser({ ...admin, email: user.email })
  // The old host is the taker's now.
  const send = (path: string, body?: object) =>
    old.send({ path, user, ...(body === undefined ? {} : { method: 'POST', body }) })
  expectProblem(await send(`/api/projects/${project.json.id}`), 401)
  expectProblem(await send('/api/auth/refresh', { refresh_token: user.refreshToken }), 401)
  expectProblem(await send('/api/auth/reset-password', { token, new_password: newPassword }), 400)
  const { email, password } = user
  const { json } = await send('/api/auth/login', { email, password })
  const headers = { host: old.host, ...bearer(json.access_token) }
  const ofTaker = (path: string) => api.send(old.host, { path, headers })
  expect((await ofTaker('/api/auth/me')).status).toBe(200)
  expectProblem(await ofTaker(`/api/projects/${project.json.id}`), 404)
})

describe("B's id in a request to A (TEN-6)", () => {
  const names = ['tenant_id', 'tenantId', 'tenant', 'tenant_code', 'subdomain', 'X-Tenant-Id']

  test('is an unknown field in every JSON body', async () => {
    const user = await a.makeUser(admin)
    // A request to APP_HOST is to no tenant.
    const toTenants = routes.filter((it) => it.access !== 'base')
    const bodied = toTenants.filter(({ body, media }) => body !== undefined && media === 'json')
    expect(bodied.length).toBeGreaterThan(5)
    for (const route of bodied) {
      for (const name of names) {
        const { method } = route
        const body = { [name]: b.id }
        const reply = await a.send({ method, path: pathOf(route), user, body })
        expectProblem(reply, 422)
        expect(reply.text).toContain(`\\"${name}\\"`)
      }
    }
  })

  test('is rejected in the query, and ignored in header, cookie and form: the row belongs to A', async () => {
    const [user, theirs] = [await a.makeUser(admin), await b.makeUser(admin)]
    const headers = {
      ...Object.fromEntries(names.map((it) => [`x-${it.replace('X-', '').toLowerCase()}`, b.id])),
      cookie: `tenant_id=${b.id}; tenant=${b.subdomain}; access_token=${theirs.accessToken}`,
      'x-forwarded-host': b.host,
      origin: `https://${b.host}`,
      referer: `https://${b.host}/`,
    }
    const query = new URLSearchParams([...names.map((it) => [it, b.id] as [string, string])])
    const create = (path: string) =>
      a.send({ method: 'POST', path, user, headers, body: { name: 'Whose?' } })
    expectProblem(await create(`/api/projects?${query}`), 422)
    const made = await create('/api/projects')
    expect(made.status).toBe(201)
    const countIn = async (tenant: TestTenant) => {
      const { rows } = await api.database.inTenant(backgroundScope(tenant.id), (db) =>
        sql`select from projects where id = ${made.json.id}`.execute(db),
      )
      return rows.length
    }
    expect([await countIn(a), await countIn(b)]).toEqual([1, 0])

    const form = new URLSearchParams({
      username: user.email,
      password: user.password,
      tenant: b.subdomain,
    })
    const signIn = (path: string) => a.send({ method: 'POST', path, headers, body: form })
    expectProblem(await signIn(`/api/auth/token?${query}`), 422)
    const signedIn = await signIn('/api/auth/token')
    expect([signedIn.status, signedIn.json.tenant]).toEqual([200, a.subdomain])
  })
})

describe('a tenant that is not active (TEN-8)', () => {
  const setStatus = async (tenant: TestTenant, status: 'active' | 'suspended' | 'deleting') => {
    await api.database.acrossTenants('test', (db) =>
      db.updateTable('tenantry.tenants').set({ status }).where('id', '=', tenant.id).execute(),
    )
    // Written past the API, so no request has waited for the invalidation.
    await api.listener.sync()
  }

  async function createWorld() {
    const tenant = await api.makeTenant()
    const user = await tenant.makeUser(admin)
    const reset = await tenant.makeUser()
    return { tenant, user, reset, token: await resetToken(tenant, reset) }
  }

  /** Every kind of request: each public route with valid credentials, and each route with a token. */
  function requestsOf({ user, token }: Awaited<ReturnType<typeof createWorld>>) {
    const { email, password, refreshToken: refresh_token } = user
    const post = (path: string, body: unknown) => ({ method: 'POST', path, body })
    return [
      ...routes.map((route) => ({ method: route.method, path: pathOf(route), user })),
      post('/api/auth/token', new URLSearchParams({ username: email, password })),
      post('/api/auth/login', { email, password }),
      post('/api/auth/refresh', { refresh_token }),
      post('/api/auth/logout', { refresh_token }),
      post('/api/auth/forgot-password', { email }),
      post('/api/auth/reset-password', { token, new_password: newPassword }),
      { path: '/api/no-such-route' },
      { method: 'OPTIONS', path: '/api/projects' },
      { path: '/api/auth/me', headers: bearer('rubbish') },
    ]
  }

  test.each([
    ['suspended', 403, 'Tenant suspended'],
    ['deleting', 404, 'Tenant not found'],
  ] as const)(
    'that is %s answers %i to every credential on every route, and changes nothing',
    async (status, code, detail) => {
      const world = await createWorld()
      const { tenant, user, reset, token } = world
      await setStatus(tenant, status)
      for (const request of requestsOf(world)) {
        const reply = await tenant.send(request)
        expectProblem(reply, code)
        expect(reply.json.detail).toBe(detail)
        expect(reply.text).not.toContain(user.email)
      }

      // Active again, the tenant is as before: no token was used up, no session revoked.
      await setStatus(tenant, 'active')
      expect((await tenant.send({ path: '/api/auth/me', user })).status).toBe(200)
      const { refreshToken: refresh_token } = user
      const refreshed = await tenant.send({
        method: 'POST',
        path: '/api/auth/refresh',
        body: { refresh_token },
      })
      expect(refreshed.status).toBe(200)
      const body = { token, new_password: newPassword }
      const changed = await tenant.send({ method: 'POST', path: '/api/auth/reset-password', body })
      expect(changed.status).toBe(200)
      await api.running.settle()
      expect(await api.mailsTo(user.email, 0)).toEqual([])
      expect((await api.mailsTo(reset.email)).length).toBeGreaterThan(0)
    },
  )

  test('does not affect other tenants', async () => {
    const [off, on] = [await api.makeTenant(), await api.makeTenant()]
    const { email } = await off.makeUser()
    const user = await on.makeUser({ email })
    await setStatus(off, 'suspended')
    expect((await on.send({ path: '/api/auth/me', user })).status).toBe(200)
  })
})
