import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { app } from '../../../test/fixtures/app/app.ts'
import { asAdmin, asRole } from '../../../test/fixtures/databases.ts'
import { isGlobalScope } from '../../../test/fixtures/identity_scope.ts'
import { backgroundScope } from '../../db/tenancy.ts'
import { hashSecret } from '../../lib/keys.ts'
import { startTestApp, type TestApp, type TestTenant, type TestUser } from '../../testing.ts'

let api: TestApp
beforeAll(async () => {
  api = await startTestApp(app)
})
afterAll(() => api.close())

const PASSWORD = 'an entirely new one'
const newAddress = () => `new-${randomBytes(6).toString('hex')}@example.com`

async function makeTenant(): Promise<{ tenant: TestTenant; admin: TestUser }> {
  const tenant = await api.makeTenant()
  return { tenant, admin: await tenant.makeUser({ roles: ['admin_tenant'] }) }
}

/** Invites an address and returns the id of the invitation and the token of its mail. */
async function invite(
  { tenant, admin }: { tenant: TestTenant; admin: TestUser },
  email: string,
  roles = ['operator'],
) {
  const before = (await api.mailsTo(email, 0)).length
  const body = { email, roles }
  const reply = await tenant.send({ method: 'POST', path: '/api/invitations', user: admin, body })
  expect(reply.status, reply.text).toBe(201)
  return { id: reply.json.id, token: await tokenIn(email, before + 1) }
}

async function tokenIn(email: string, count: number): Promise<string> {
  const [mail] = await api.mailsTo(email, count)
  const [, token] = /accept-invitation#token=([\w-]+)/.exec(mail?.text ?? '') ?? []
  if (token === undefined) throw new Error('the mail has no link')
  return token
}

const accept = (tenant: TestTenant, body: object, headers: Record<string, string> = {}) =>
  tenant.send({ method: 'POST', path: '/api/invitation-acceptances', body, headers })

const preview = (tenant: TestTenant, token: string) =>
  tenant.send({ method: 'POST', path: '/api/invitation-previews', body: { token } })

const me = (tenant: TestTenant, accessToken: string) =>
  tenant.send({ path: '/api/auth/me', headers: { authorization: `Bearer ${accessToken}` } })

const login = (tenant: TestTenant, email: string, password: string) =>
  tenant.send({ method: 'POST', path: '/api/auth/login', body: { email, password } })

function memberCount({ id }: TestTenant, email: string): Promise<number> {
  return api.database.inTenant(backgroundScope(id), async (db) => {
    const rows = await db
      .selectFrom('tenantry.members')
      .select('user_id')
      .where('email_key', '=', email)
      .execute()
    return rows.length
  })
}

function actsIn({ id }: TestTenant, prefix: string) {
  return api.database.inTenant(backgroundScope(id), (db) =>
    db
      .selectFrom('tenantry.audit_logs')
      .select('action')
      .where('action', 'like', `${prefix}.%`)
      .orderBy('id')
      .execute()
      .then((rows) => rows.map((it) => it.action)),
  )
}

function verify(userId: string) {
  return api.database.acrossTenants('test', (db) =>
    db
      .updateTable('tenantry.users')
      .set({ email_verified_at: new Date() })
      .where('id', '=', userId)
      .execute(),
  )
}

/** Moves the credential epoch, as a new password does. */
function endSessions(userId: string) {
  return api.database.acrossTenants('test', (db) =>
    db
      .updateTable('tenantry.users')
      .set({ sessions_valid_from: new Date() })
      .where('id', '=', userId)
      .execute(),
  )
}

/** How many connections wait for a lock of this one. */
function waitFor(pid: number): Promise<number> {
  return asAdmin(async (admin) => {
    const { rows } = await admin.query(
      `select count(*)::int as waiting from pg_stat_activity
        where $1 = any (pg_blocking_pids(pid)) and datname = current_database()`,
      [pid],
    )
    return rows[0].waiting
  })
}

describe('an invitation', () => {
  test('makes a new person a member who is signed in, with a verified address (INV-1)', async () => {
    const here = await makeTenant()
    const { tenant } = here
    const email = newAddress()
    const { token } = await invite(here, email)
    expect((await preview(tenant, token)).json).toMatchObject({
      email,
      roles: ['operator'],
      account: 'none',
      is_member: false,
    })
    const reply = await accept(tenant, { token, password: PASSWORD, full_name: 'Ann Lee' })
    expect(reply.status, reply.text).toBe(200)
    const account = await tenant.send({
      path: '/api/account',
      headers: { authorization: `Bearer ${reply.json.access_token}` },
    })
    expect(account.json).toMatchObject({
      ...{ email, full_name: 'Ann Lee', email_verified: true, roles: ['operator'] },
    })
    expect((await login(tenant, email, PASSWORD)).status).toBe(200)
    expect(await actsIn(tenant, 'invitations')).toEqual([
      'invitations.create',
      'invitations.accept',
    ])
    expect(await actsIn(tenant, 'members')).toEqual(['members.create'])
  })

  test.runIf(isGlobalScope())(
    'asks a person who has an account for its password, with the limits of sign-in',
    async () => {
      const [here, other] = [await makeTenant(), await makeTenant()]
      const user = await other.tenant.makeUser()
      await verify(user.id)
      const { token } = await invite(here, user.email)
      expect((await preview(here.tenant, token)).json).toMatchObject({ account: 'exists' })
      const wrong = await accept(here.tenant, { token, password: 'not the password' })
      expect([wrong.status, wrong.json.detail]).toEqual([401, 'Invalid credentials'])
      expect(await memberCount(here.tenant, user.email)).toBe(0)
      const reply = await accept(here.tenant, { token, password: user.password })
      expect(reply.json.roles).toEqual(['operator'])
      // The session in the other tenant goes on: nothing of the account has changed.
      expect((await me(other.tenant, user.accessToken)).status).toBe(200)
    },
  )

  test.runIf(isGlobalScope())(
    'ends the password and the sessions of an account whose address was never verified (INV-2)',
    async () => {
      const [here, other] = [await makeTenant(), await makeTenant()]
      const attacker = await other.tenant.makeUser()
      const { token } = await invite(here, attacker.email)
      expect((await preview(here.tenant, token)).json).toMatchObject({ account: 'unverified' })
      const reply = await accept(here.tenant, { token, password: PASSWORD })
      expect(reply.status).toBe(200)
      expect((await me(other.tenant, attacker.accessToken)).status).toBe(401)
      for (const { tenant } of [here, other]) {
        expect((await login(tenant, attacker.email, attacker.password)).status).toBe(401)
        expect((await login(tenant, attacker.email, PASSWORD)).status).toBe(200)
      }
    },
  )

  test.each([
    ['revoked', 'delete from tenantry.invitations where id = $1'],
    ['sent again', 'update tenantry.invitations set deliveries = deliveries + 1 where id = $1'],
  ])('makes no member where it is %s while it is accepted', async (_, statement) => {
    const here = await makeTenant()
    const email = newAddress()
    const { id, token } = await invite(here, email)
    const accepted = await asRole('platform', async (client) => {
      await client.query('begin')
      await client.query(statement, [id])
      const { rows } = await client.query('select pg_backend_pid() as pid')
      const accepting = accept(here.tenant, { token, password: PASSWORD })
      await expect.poll(() => waitFor(rows[0]?.pid)).toBe(1)
      await client.query('commit')
      return accepting
    })
    expect([accepted.status, accepted.json.code]).toEqual([400, 'token.invalid'])
    expect(await memberCount(here.tenant, email)).toBe(0)
    expect((await login(here.tenant, email, PASSWORD)).status).toBe(401)
  })

  test('makes one member of 16 acceptances at the same time (INV-1)', async () => {
    const here = await makeTenant()
    const [email, person] = [newAddress(), await (await makeTenant()).tenant.makeUser()]
    await verify(person.id)
    for (const [address, password] of [
      [email, PASSWORD],
      [person.email, person.password],
    ] as const) {
      const { token } = await invite(here, address)
      const replies = await Promise.all(
        Array.from({ length: 16 }, () => accept(here.tenant, { token, password })),
      )
      const statuses = replies.map((it) => it.status)
      expect(statuses.filter((it) => it === 200)).toHaveLength(1)
      expect(statuses.filter((it) => it !== 200 && it !== 400 && it !== 503)).toEqual([])
      expect(await memberCount(here.tenant, address)).toBe(1)
    }
    expect((await actsIn(here.tenant, 'members')).length).toBe(2)
  })

  test('is refused while the browser is signed in as another person', async () => {
    const here = await makeTenant()
    const { tenant, admin } = here
    const origin = { origin: `https://${tenant.host}`, 'x-forwarded-proto': 'https' }
    const { token } = await invite(here, newAddress())
    const trusting = await startTestApp(app, { TRUST_PROXY: '127.0.0.1' })
    try {
      const send = (path: string, body: object, headers = {}) =>
        trusting.send(tenant.host, {
          method: 'POST',
          path,
          body,
          headers: { ...origin, ...headers },
        })
      const credentials = { email: admin.email, password: admin.password, session: 'cookie' }
      const signedIn = await send('/api/auth/login', credentials)
      const [cookie = ''] = String(signedIn.headers['set-cookie']).split(';')
      const given = { token, password: PASSWORD, session: 'cookie' }
      const refused = await send('/api/invitation-acceptances', given, { cookie })
      expect([refused.status, refused.json.code]).toEqual([403, 'invitation.other_account'])
      const crossSite = await send('/api/invitation-acceptances', given, {
        origin: 'https://evil.example',
      })
      expect([crossSite.status, crossSite.json.code]).toEqual([403, 'csrf.origin'])
      // The cookie of a session that a new password has ended counts for nothing.
      await endSessions(admin.id)
      const accepted = await send('/api/invitation-acceptances', given, { cookie })
      expect(accepted.status, accepted.text).toBe(200)
      expect(accepted.json).not.toHaveProperty('access_token')
      expect(String(accepted.headers['set-cookie'])).toMatch(
        /HttpOnly.*SameSite=Strict|SameSite=Strict.*HttpOnly/,
      )
    } finally {
      await trusting.close()
    }
  })

  test('of a member signs them in and changes no role', async () => {
    const here = await makeTenant()
    const email = newAddress()
    const { token } = await invite(here, email, ['manager'])
    const user = await here.tenant.makeUser({ email, roles: ['operator'] })
    await verify(user.id)
    expect((await preview(here.tenant, token)).json).toMatchObject({ is_member: true })
    const reply = await accept(here.tenant, { token, password: user.password })
    expect([reply.status, reply.json.roles]).toEqual([200, ['operator']])
    expect((await accept(here.tenant, { token, password: user.password })).status).toBe(400)
  })

  test('does not activate a membership that was deactivated meanwhile', async () => {
    const here = await makeTenant()
    const email = newAddress()
    const { token } = await invite(here, email)
    const user = await here.tenant.makeUser({ email })
    await verify(user.id)
    const path = `/api/members/${user.id}`
    const body = { is_active: false }
    await here.tenant.send({ method: 'PATCH', path, user: here.admin, body })
    const reply = await accept(here.tenant, { token, password: user.password })
    expect([reply.status, reply.json.code]).toEqual([403, 'member.required'])
  })

  test.runIf(isGlobalScope())(
    'that sets a password and opens no session waits until the old sessions are refused (SESS-6)',
    async () => {
      const [here, other] = [await makeTenant(), await makeTenant()]
      const user = await other.tenant.makeUser()
      const { token } = await invite(here, user.email)
      await here.tenant.makeUser({ email: user.email })
      const path = `/api/members/${user.id}`
      const body = { is_active: false }
      await here.tenant.send({ method: 'PATCH', path, user: here.admin, body })
      expect((await me(other.tenant, user.accessToken)).status).toBe(200)
      const sync = vi.spyOn(api.listener, 'sync')
      const reply = await accept(here.tenant, { token, password: PASSWORD })
      expect([reply.status, reply.json.code]).toEqual([403, 'member.required'])
      // The invalidation usually arrives before the reply, also where nothing waits for it.
      expect(sync).toHaveBeenCalledTimes(1)
      sync.mockRestore()
      expect((await me(other.tenant, user.accessToken)).status).toBe(401)
    },
  )

  test.each([
    ['has lost a permission', { roles: ['operator'] }],
    ['is deactivated', { is_active: false }],
  ])('grants nothing if the inviter %s meanwhile (INV-1, AUTHZ-6)', async (_, change) => {
    const here = await makeTenant()
    const inviter = await here.tenant.makeUser({ roles: ['manager'] })
    const email = newAddress()
    const { id, token } = await invite({ tenant: here.tenant, admin: inviter }, email)
    const path = `/api/members/${inviter.id}`
    await here.tenant.send({ method: 'PATCH', path, user: here.admin, body: change })
    const refused = await accept(here.tenant, { token, password: PASSWORD })
    expect([refused.status, refused.json.code]).toEqual([403, 'invitation.stale'])
    expect(await memberCount(here.tenant, email)).toBe(0)
    await api.running.settle()
    expect(await actsIn(here.tenant, 'invitations')).toContain('invitations.rejected')
    // Another administrator sends it again in their own name.
    const delivery = `/api/invitations/${id}/delivery`
    await here.tenant.send({ method: 'POST', path: delivery, user: here.admin })
    const again = await tokenIn(email, 2)
    expect((await accept(here.tenant, { token, password: PASSWORD })).status).toBe(400)
    expect((await accept(here.tenant, { token: again, password: PASSWORD })).status).toBe(200)
  })

  test('answers each secret that does not work with the same bytes (INV-1, AUTHN-8)', async () => {
    const [here, other] = [await makeTenant(), await makeTenant()]
    const { tenant } = here
    const inviteNew = () => invite(here, newAddress())
    const [used, expired, revoked, resent] = [
      ...[await inviteNew(), await inviteNew(), await inviteNew(), await inviteNew()],
    ]
    const foreign = await invite(other, newAddress())
    if (!used || !expired || !revoked || !resent) throw new Error('no invitations')
    expect((await accept(tenant, { token: used.token, password: PASSWORD })).status).toBe(200)
    await api.database.asIdentity(backgroundScope(tenant.id), (db) =>
      db
        .updateTable('tenantry.single_use_secrets')
        .set({ expires_at: new Date(Date.now() - 1_000) })
        .where('hash', '=', hashSecret(expired.token))
        .execute(),
    )
    const by = { user: here.admin }
    await tenant.send({ method: 'DELETE', path: `/api/invitations/${revoked.id}`, ...by })
    const delivery = `/api/invitations/${resent.id}/delivery`
    await tenant.send({ method: 'POST', path: delivery, ...by })
    const user = await tenant.makeUser()
    await tenant.send({
      ...{ method: 'POST', path: '/api/auth/forgot-password', body: { email: user.email } },
    })
    const [mail] = await api.mailsTo(user.email)
    const reset = /#token=([\w-]+)/.exec(mail?.text ?? '')?.[1] ?? ''
    const tokens = {
      ...{ used: used.token, expired: expired.token, revoked: revoked.token },
      ...{ resent: resent.token, foreign: foreign.token, reset },
      truncated: resent.token.slice(0, -1),
      unknown: 'x'.repeat(43),
    }
    for (const send of [
      preview,
      (at: TestTenant, token: string) => accept(at, { token, password: PASSWORD }),
    ]) {
      for (const [name, token] of Object.entries(tokens)) {
        const { status, json } = await send(tenant, token)
        const { instance: _, ...problem } = json
        expect([status, problem], name).toEqual([
          400,
          {
            type: 'urn:tenantry:problem:token.invalid',
            title: 'Bad Request',
            status: 400,
            detail: 'Invalid or expired token',
            code: 'token.invalid',
          },
        ])
      }
    }
    // And an invitation opens nothing but itself.
    const body = { token: foreign.token, new_password: PASSWORD }
    const crossed = await other.tenant.send({
      method: 'POST',
      path: '/api/auth/reset-password',
      body,
    })
    expect(crossed.status).toBe(400)
  })

  test('is unchanged by a scanner that follows the link, and needs a good password', async () => {
    const here = await makeTenant()
    const { token } = await invite(here, newAddress())
    for (const method of ['GET', 'HEAD']) {
      for (const path of [
        '/auth/accept-invitation',
        '/api/invitation-acceptances',
        '/api/invitation-previews',
      ]) {
        await here.tenant.send({ method, path })
      }
    }
    const weak = await accept(here.tenant, { token, password: 'password' })
    expect([weak.status, weak.json.errors[0].pointer]).toEqual([422, '/password'])
    expect((await accept(here.tenant, { token, password: PASSWORD })).status).toBe(200)
  })

  test('opens nothing in a suspended tenant, and works when the tenant is active again', async () => {
    const here = await makeTenant()
    const { token } = await invite(here, newAddress())
    const set = (status: 'suspended' | 'active') =>
      api.database.acrossTenants('test', (db) =>
        db
          .updateTable('tenantry.tenants')
          .set({ status })
          .where('id', '=', here.tenant.id)
          .execute(),
      )
    await set('suspended')
    expect((await accept(here.tenant, { token, password: PASSWORD })).status).toBe(403)
    await set('active')
    expect((await accept(here.tenant, { token, password: PASSWORD })).status).toBe(200)
  })
})
