import { once } from 'node:events'
import { request } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { app } from '../../../test/fixtures/app/app.ts'
import { isGlobalScope } from '../../../test/fixtures/identity_scope.ts'
import { backgroundScope } from '../../db/tenancy.ts'
import { startTestApp, type TestApp, type TestTenant, type TestUser } from '../../testing.ts'

let api: TestApp
beforeAll(async () => {
  api = await startTestApp(app)
})
afterAll(() => api.close())

const login = (tenant: TestTenant, email: string, password: string) =>
  tenant.send({ method: 'POST', path: '/api/auth/login', body: { email, password } })

const me = (tenant: TestTenant, accessToken: string) =>
  tenant.send({ path: '/api/auth/me', headers: { authorization: `Bearer ${accessToken}` } })

describe('POST /api/auth/token', () => {
  const token = (tenant: TestTenant, form: Record<string, string>) =>
    tenant.send({ method: 'POST', path: '/api/auth/token', body: new URLSearchParams(form) })

  test('returns an access token for the OAuth2 form', async () => {
    const tenant = await api.makeTenant()
    const user = await tenant.makeUser({ roles: ['manager'] })
    const form = {
      username: user.email,
      password: user.password,
      grant_type: 'password',
      scope: 'x',
    }
    const reply = await token(tenant, { ...form, client_id: 'ignored' })
    expect(reply.status).toBe(200)
    expect(reply.json).toEqual({
      access_token: expect.any(String),
      token_type: 'bearer',
      expires_in: 900,
      roles: ['manager'],
      tenant: tenant.subdomain,
    })
    expect((await me(tenant, reply.json.access_token)).status).toBe(200)
    expect(reply.headers['cache-control']).toBe('no-store')
  })

  test('a wrong password, an unknown user and an inactive user get the same answer', async () => {
    const tenant = await api.makeTenant()
    const user = await tenant.makeUser()
    const inactive = await tenant.makeUser()
    await api.database.acrossTenants('test', (db) =>
      db
        .updateTable('tenantry.users')
        .set({ is_active: false })
        .where('id', '=', inactive.id)
        .execute(),
    )
    const replies = await Promise.all([
      token(tenant, { username: user.email, password: 'wrong password' }),
      token(tenant, { username: 'unknown@example.com', password: 'wrong password' }),
      token(tenant, { username: inactive.email, password: inactive.password }),
      token(tenant, { username: 'no e-mail', password: 'wrong password' }),
    ])
    for (const reply of replies) {
      expect([reply.status, reply.json.detail]).toEqual([401, 'Invalid credentials'])
      expect(reply.headers['www-authenticate']).toBe('Bearer')
      expect({ ...reply.json, instance: '' }).toEqual({ ...replies[0]?.json, instance: '' })
    }
  })

  test.runIf(isGlobalScope())(
    'a missing membership is reported only after the password was right',
    async () => {
      const [home, other] = [await api.makeTenant(), await api.makeTenant()]
      const user = await home.makeUser()
      const wrong = await token(other, { username: user.email, password: 'wrong password' })
      expect([wrong.status, wrong.json.detail]).toEqual([401, 'Invalid credentials'])
      const right = await token(other, { username: user.email, password: user.password })
      expect([right.status, right.json.detail]).toEqual([
        403,
        'User does not belong to this tenant',
      ])
      const audited = await api.database.inTenant(backgroundScope(other.id), (db) =>
        db.selectFrom('tenantry.audit_logs').select('action').execute(),
      )
      expect(audited.map((it) => it.action)).not.toContain('auth.signed_in')
    },
  )

  test('an inactive membership counts as none', async () => {
    const tenant = await api.makeTenant()
    const user = await tenant.makeUser()
    await api.database.inTenant(backgroundScope(tenant.id), (db) =>
      db
        .updateTable('tenantry.members')
        .set({ is_active: false })
        .where('user_id', '=', user.id)
        .execute(),
    )
    const reply = await token(tenant, { username: user.email, password: user.password })
    expect(reply.status).toBe(403)
    expect((await me(tenant, user.accessToken)).status).toBe(401)
  })
})

describe('POST /api/auth/login', () => {
  test('returns both tokens for JSON', async () => {
    const tenant = await api.makeTenant()
    const user = await tenant.makeUser({ roles: ['operator'] })
    const reply = await login(tenant, ` ${user.email.toUpperCase()}`, user.password)
    expect(reply.status).toBe(200)
    expect(Object.keys(reply.json).sort()).toEqual(
      ['access_token', 'expires_in', 'refresh_token', 'roles', 'tenant', 'token_type'].sort(),
    )
  })

  test("accepts the seed's query parameters and logs neither", async () => {
    const tenant = await api.makeTenant()
    const user = await tenant.makeUser({ password: 'query+secret word' })
    const query = new URLSearchParams({ email: user.email, password: user.password })
    const reply = await tenant.send({ method: 'POST', path: `/api/auth/login?${query}` })
    expect(reply.status).toBe(200)
    const log = api.logLines.join('\n')
    expect(log).toContain('/api/auth/login')
    expect(log).not.toContain('secret')
    expect(log).not.toContain(reply.json.access_token)
  })

  test('names the missing fields', async () => {
    const tenant = await api.makeTenant()
    const reply = await tenant.send({ method: 'POST', path: '/api/auth/login?email=a@b.example' })
    expect([reply.status, reply.json.errors]).toEqual([
      422,
      [{ pointer: '/password', message: 'is required' }],
    ])
  })

  test('passwords keep their spaces and every byte of a long one counts (AUTHN-1)', async () => {
    const tenant = await api.makeTenant()
    const long = `${'x'.repeat(90)}`
    const user = await tenant.makeUser({ password: ` ${long}1 ` })
    expect((await login(tenant, user.email, ` ${long}1 `)).status).toBe(200)
    expect((await login(tenant, user.email, `${long}1`)).status).toBe(401)
    expect((await login(tenant, user.email, ` ${long}2 `)).status).toBe(401)
  })
})

describe('GET /api/auth/me', () => {
  test('returns the signed-in user with roles and permissions', async () => {
    const tenant = await api.makeTenant()
    const user = await tenant.makeUser({ roles: ['operator'] })
    const reply = await me(tenant, user.accessToken)
    expect(reply.json).toEqual({
      id: user.id,
      user_name: 'Test User',
      user_email: user.email,
      tenant_name: `Tenant ${tenant.subdomain}`,
      sign_in_origin: null,
      roles: ['operator'],
      permissions: expect.arrayContaining(['projects:create', 'projects:read', 'tenant:read']),
    })
    expect(reply.json.permissions).not.toContain('projects:delete')
  })

  test("rejects a request without credentials in the seed's words", async () => {
    const tenant = await api.makeTenant()
    const reply = await tenant.send({ path: '/api/auth/me' })
    expect([reply.status, reply.json.detail]).toEqual([401, 'Could not validate credentials'])
    expect(reply.headers['www-authenticate']).toBe('Bearer')
  })
})

describe('GET /api/tenant/tenant-data and admin-only', () => {
  test('require tenant:read, and the role admin_tenant', async () => {
    const tenant = await api.makeTenant()
    const admin = await tenant.makeUser({ roles: ['admin_tenant'] })
    const operator = await tenant.makeUser({ roles: ['operator'] })
    const member = await tenant.makeUser()
    const data = (user: TestUser) => tenant.send({ path: '/api/tenant/tenant-data', user })
    const greet = (user: TestUser) =>
      tenant.send({ method: 'POST', path: '/api/permission-check/admin-only', user })
    expect((await data(operator)).json).toEqual({
      tenant_name: `Tenant ${tenant.subdomain}`,
      subdomain: tenant.subdomain,
    })
    expect((await data(member)).json).toMatchObject({ status: 403, detail: 'Permission denied' })
    expect((await greet(admin)).json).toEqual({
      msg: `Hello Admin of tenant Tenant ${tenant.subdomain}!`,
    })
    expect((await greet(operator)).json).toMatchObject({
      status: 403,
      detail: 'Not enough permissions',
    })
  })

  test.runIf(isGlobalScope())('a role applies in its tenant only (AUTHZ-2)', async () => {
    const [a, b] = [await api.makeTenant(), await api.makeTenant()]
    const user = await a.makeUser({ roles: ['admin_tenant'] })
    await api.database.acrossTenants('test', (db) =>
      db.insertInto('tenantry.members').values({ tenant_id: b.id, user_id: user.id }).execute(),
    )
    const inB = await login(b, user.email, user.password)
    const accessToken = inB.json.access_token
    const reply = await b.send({
      path: '/api/tenant/tenant-data',
      headers: { authorization: `Bearer ${accessToken}` },
    })
    expect(reply.status).toBe(403)
  })
})

describe('sign-in limits (AUTHN-5)', () => {
  const wrong = (tenant: TestTenant, email: string) => login(tenant, email, 'wrong password')

  test('a burst reaches the hasher at most as often as the limit allows, in any spelling', async () => {
    const tenant = await api.makeTenant()
    const user = await tenant.makeUser()
    // The address of this sign-in becomes trusted after the reply.
    await api.running.settle()
    const spellings = [user.email, user.email.toUpperCase(), ` ${user.email}`]
    const replies = await Promise.all(
      Array.from({ length: 30 }, (_, at) => wrong(tenant, spellings[at % 3] ?? user.email)),
    )
    const rejected = replies.filter((it) => it.status === 401)
    const limited = replies.filter((it) => it.status === 429)
    expect([rejected.length, limited.length]).toEqual([10, 20])
    expect(Number(limited[0]?.headers['retry-after'])).toBeGreaterThan(0)
    expect(limited[0]?.headers['ratelimit']).toMatch(/^"signin-account";r=0;t=\d+$/)
    expect((await login(tenant, user.email, user.password)).status).toBe(429)
  })

  test.runIf(isGlobalScope())(
    'attempts on a host of another tenant count against the same limit',
    async () => {
      const [a, b] = [await api.makeTenant(), await api.makeTenant()]
      const user = await a.makeUser()
      // The address of this sign-in becomes trusted after the reply.
      await api.running.settle()
      for (let i = 0; i < 10; i++) await wrong(i % 2 ? a : b, user.email)
      expect((await wrong(b, user.email)).status).toBe(429)
    },
  )

  test('a successful sign-in refunds the attempt', async () => {
    const tenant = await api.makeTenant()
    const user = await tenant.makeUser()
    for (let i = 0; i < 12; i++) {
      expect((await login(tenant, user.email, user.password)).status).toBe(200)
    }
  })

  test('a user who was locked out by guesses can sign in after a reset by mail (AUTHN-6)', async () => {
    const tenant = await api.makeTenant()
    const user = await tenant.makeUser()
    for (let i = 0; i < 11; i++) await wrong(tenant, user.email)
    expect((await login(tenant, user.email, user.password)).status).toBe(429)
    const { email } = user
    await tenant.send({ method: 'POST', path: '/api/auth/forgot-password', body: { email } })
    const [mail] = await api.mailsTo(user.email)
    const token = /#token=([\w-]+)/.exec(mail?.text ?? '')?.[1]
    const body = { token, new_password: 'an entirely new one' }
    await tenant.send({ method: 'POST', path: '/api/auth/reset-password', body })
    await api.running.settle()
    expect((await login(tenant, user.email, 'an entirely new one')).status).toBe(200)
  })
})

describe('what a tenant learns about users who are not its members (AUTHN-4)', () => {
  test('its audit log does not disclose whether a user exists in another tenant', async () => {
    const [home, other] = [await api.makeTenant(), await api.makeTenant()]
    const admin = await other.makeUser({ roles: ['admin_tenant'] })
    const outsider = await home.makeUser()
    await login(other, outsider.email, 'wrong password')
    await api.running.settle()
    await login(other, 'unknown-anywhere@example.com', 'wrong password')
    await api.running.settle()
    const log = await other.send({ path: '/api/audit-logs?action=auth.rejected', user: admin })
    const [one, two] = log.json.items.map((it: object) => ({
      ...it,
      id: '',
      created_at: '',
      request_id: '',
    }))
    expect(one).toEqual(two)
    expect(log.text).not.toContain(outsider.id)
  })
})

describe('permissions are checked again in the transaction of a write', () => {
  test('a permission revoked while the body arrives is not honoured (AUTHZ-6)', async () => {
    const tenant = await api.makeTenant()
    const user = await tenant.makeUser({ roles: ['manager'] })
    const body = JSON.stringify({ name: 'Late' })
    const outgoing = request({
      host: '127.0.0.1',
      port: api.port,
      method: 'POST',
      path: '/api/projects',
      headers: {
        host: tenant.host,
        authorization: `Bearer ${user.accessToken}`,
        'content-type': 'application/json',
        'content-length': body.length,
        expect: '100-continue',
      },
    })
    const reply = once(outgoing, 'response')
    outgoing.flushHeaders()
    await once(outgoing, 'continue')
    outgoing.write(body.slice(0, 5))
    await api.database.inTenant(backgroundScope(tenant.id), (db) =>
      db.deleteFrom('tenantry.member_roles').where('user_id', '=', user.id).execute(),
    )
    outgoing.end(body.slice(5))
    const [incoming] = await reply
    expect(incoming.statusCode).toBe(403)
    incoming.resume()
  })
})
