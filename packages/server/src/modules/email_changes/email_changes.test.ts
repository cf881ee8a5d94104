import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { app } from '../../../test/fixtures/app/app.ts'
import { asRole } from '../../../test/fixtures/databases.ts'
import { isGlobalScope } from '../../../test/fixtures/identity_scope.ts'
import { backgroundScope } from '../../db/tenancy.ts'
import { startTestApp, type TestApp, type TestTenant, type TestUser } from '../../testing.ts'

let api: TestApp
beforeAll(async () => {
  api = await startTestApp(app)
})
afterAll(() => api.close())

const newAddress = () => `new-${randomBytes(6).toString('hex')}@example.com`

const post = (tenant: TestTenant, path: string, body?: object, user?: TestUser) =>
  tenant.send({ method: 'POST', path, body, user })

const ask = (tenant: TestTenant, user: TestUser, email: string, current_password = user.password) =>
  tenant.send({
    method: 'PUT',
    path: '/api/account/email',
    user,
    body: { email, current_password },
  })

const account = async (tenant: TestTenant, user: TestUser) =>
  (await tenant.send({ path: '/api/account', user })).json

async function tokenTo(email: string, count = 1): Promise<string> {
  const [mail] = await api.mailsTo(email, count)
  const [, token] = /verify#purpose=\w+&token=([\w-]+)/.exec(mail?.text ?? '') ?? []
  if (token === undefined) throw new Error('the mail has no link')
  return token
}

const jobs = (change: string, { id }: TestTenant) =>
  asRole('platform', (client) => client.query(`update tenantry.jobs ${change}`, [id]))

function actsIn({ id }: TestTenant) {
  return api.database.inTenant(backgroundScope(id), async (db) => {
    const rows = await db
      .selectFrom('tenantry.audit_logs')
      .select('action')
      .where('action', 'like', 'users.%')
      .orderBy('id')
      .execute()
    return rows.map((it) => it.action)
  })
}

describe('an address', () => {
  test('is verified by a link that left by mail, once (AUTHN-9)', async () => {
    const tenant = await api.makeTenant()
    const user = await tenant.makeUser()
    const asked = await post(tenant, '/api/account/email-verification', undefined, user)
    expect(asked.status, asked.text).toBe(202)
    const token = await tokenTo(user.email)
    expect((await account(tenant, user)).email_verified).toBe(false)
    const reply = await post(tenant, '/api/email-verifications', { token }, user)
    expect([reply.status, reply.json]).toEqual([200, { email: user.email }])
    // The session and the password go on.
    expect((await account(tenant, user)).email_verified).toBe(true)
    const again = { email: user.email, password: user.password }
    expect((await post(tenant, '/api/auth/login', again)).status).toBe(200)
    expect((await post(tenant, '/api/email-verifications', { token })).status).toBe(400)
    expect(await actsIn(tenant)).toEqual(['users.email_verify_request', 'users.email_verify'])
    await post(tenant, '/api/account/email-verification', undefined, user)
    await api.running.settle()
    expect(await api.mailsTo(user.email, 0)).toHaveLength(1)
  })

  test.runIf(isGlobalScope())(
    'changes only after the new one is proven, with a notice to the old one (AUTHN-9)',
    async () => {
      const [tenant, other] = [await api.makeTenant(), await api.makeTenant()]
      const user = await tenant.makeUser()
      const elsewhere = await other.makeUser({ email: user.email })
      await post(tenant, '/api/account/email-verification', undefined, user)
      const old = await tokenTo(user.email)
      const email = newAddress()
      expect((await ask(tenant, user, email)).status).toBe(202)
      expect((await account(tenant, user)).email).toBe(user.email)
      const [notice] = await api.mailsTo(user.email, 2)
      expect(notice?.text).toContain(email)
      expect(notice?.text).not.toContain('token=')
      const reply = await post(tenant, '/api/email-changes', { token: await tokenTo(email) }, user)
      expect([reply.status, reply.json]).toEqual([200, { email }])
      for (const [at, it] of [[tenant, user] as const, [other, elsewhere] as const]) {
        expect((await at.send({ path: '/api/auth/me', user: it })).status).toBe(401)
        const body = { email, password: user.password }
        expect((await post(at, '/api/auth/login', body)).status).toBe(200)
        expect(await actsIn(at)).toContain('users.email_change')
      }
      // A link to the old address is void.
      expect((await post(tenant, '/api/email-verifications', { token: old })).status).toBe(400)
      const again = { email: user.email, password: user.password }
      expect((await post(tenant, '/api/auth/login', again)).status).toBe(401)
    },
  )

  test('gets the notice though the change was confirmed and another requested before its job ran', async () => {
    const closing = await startTestApp(app)
    const tenant = await closing.makeTenant()
    const user = await tenant.makeUser()
    // No worker runs the jobs of the tenant until runJobsOf.
    await closing.close()
    let bearer = user.accessToken
    const send = (method: string, path: string, body: object) =>
      api.send(tenant.host, { method, path, body, headers: { authorization: `Bearer ${bearer}` } })
    const [email, next] = [newAddress(), newAddress()]
    const { password } = user
    const body = { email, current_password: password }
    expect((await send('PUT', '/api/account/email', body)).status).toBe(202)
    const notice = "where tenant_id = $1 and kind = 'users.address_requested'"
    await jobs(`set state = 'later', run_at = now() + interval '1 hour' ${notice}`, tenant)
    api.runJobsOf(tenant.id)
    api.running.worker?.notify()
    const token = await tokenTo(email)
    expect((await send('POST', '/api/email-changes', { token })).status).toBe(200)
    bearer = (await send('POST', '/api/auth/login', { email, password })).json.access_token
    const again = { email: next, current_password: password }
    expect((await send('PUT', '/api/account/email', again)).status).toBe(202)
    await jobs(`set state = 'ready', run_at = now() ${notice}`, tenant)
    api.running.worker?.notify()
    const [mail] = await api.mailsTo(user.email)
    expect(mail?.text).toContain(email)
  })

  test.each(['verification', 'change'] as const)(
    'keeps no password and no session without one of the person: %s (AUTHN-9)',
    async (purpose) => {
      const tenant = await api.makeTenant()
      const [user, other] = [await tenant.makeUser(), await tenant.makeUser()]
      const email = purpose === 'change' ? newAddress() : user.email
      if (purpose === 'change') await ask(tenant, user, email)
      else await post(tenant, '/api/account/email-verification', undefined, user)
      const token = await tokenTo(email)
      // Another person's session proves as little as none.
      const path = `/api/email-${purpose}s`
      expect((await post(tenant, path, { token }, other)).status).toBe(200)
      expect((await tenant.send({ path: '/api/auth/me', user })).status).toBe(401)
      expect((await tenant.send({ path: '/api/auth/me', user: other })).status).toBe(200)
      const before = { email, password: user.password }
      expect((await post(tenant, '/api/auth/login', before)).status).toBe(401)
      // The owner of the mailbox sets a password by a reset link.
      await post(tenant, '/api/auth/forgot-password', { email })
      const [mail] = await api.mailsTo(email, 2)
      expect(mail?.text).toContain('token=')
    },
  )

  test('is proven by the cookie of its own session, and by no ended one', async () => {
    const tenant = await api.makeTenant()
    const prepared = async () => {
      const user = await tenant.makeUser()
      await post(tenant, '/api/account/email-verification', undefined, user)
      return { user, token: await tokenTo(user.email) }
    }
    const each = [await prepared(), await prepared()]
    const proxied = await startTestApp(app, { TRUST_PROXY: '127.0.0.1' })
    onTestFinished(() => proxied.close())
    const https = { origin: `https://${tenant.host}`, 'x-forwarded-proto': 'https' }
    const send = (path: string, body: object | undefined, more = {}) =>
      proxied.send(tenant.host, { method: 'POST', path, body, headers: { ...https, ...more } })
    for (const [at, { user, token }] of each.entries()) {
      const given = { email: user.email, password: user.password }
      const opened = await send('/api/auth/login', { ...given, session: 'cookie' })
      const [cookie = ''] = String(opened.headers['set-cookie']).split(';')
      if (at === 1) expect((await send('/api/auth/logout', undefined, { cookie })).status).toBe(204)
      expect((await send('/api/email-verifications', { token }, { cookie })).status).toBe(200)
      expect((await send('/api/auth/login', given)).status).toBe(at === 1 ? 401 : 200)
    }
  })

  test.runIf(isGlobalScope())(
    'of another account is answered alike, and its owner is informed (AUTHN-4)',
    async () => {
      const [tenant, other] = [await api.makeTenant(), await api.makeTenant()]
      const [user, owner] = [await tenant.makeUser(), await other.makeUser()]
      const [taken, free] = [
        await ask(tenant, user, owner.email),
        await ask(tenant, user, newAddress()),
      ]
      expect([taken.status, taken.text]).toEqual([202, free.text])
      const [mail] = await api.mailsTo(owner.email)
      expect(mail?.text).toContain('have an account with this address already')
      expect(mail?.text).not.toContain('token=')
    },
  )

  test('needs the password, another address, and no more than five mails an hour', async () => {
    const tenant = await api.makeTenant()
    const user = await tenant.makeUser()
    const faults = [
      [await ask(tenant, user, newAddress(), 'not the password'), '/current_password'],
      [await ask(tenant, user, user.email.toUpperCase()), '/email'],
      [await ask(tenant, user, 'no address'), '/email'],
    ] as const
    for (const [reply, pointer] of faults) {
      expect([reply.status, reply.json.errors[0].pointer]).toEqual([422, pointer])
    }
    const statuses: number[] = []
    for (let at = 0; at < 6; at++) statuses.push((await ask(tenant, user, newAddress())).status)
    expect(statuses).toEqual([202, 202, 202, 202, 202, 429])
  })

  test('changes to the one that was asked for last, by one of 16 requests', async () => {
    const tenant = await api.makeTenant()
    const user = await tenant.makeUser()
    const [first, second] = [newAddress(), newAddress()]
    await ask(tenant, user, first)
    const early = await tokenTo(first)
    await ask(tenant, user, second)
    const token = await tokenTo(second)
    expect((await post(tenant, '/api/email-changes', { token: early })).status).toBe(400)
    const replies = await Promise.all(
      Array.from({ length: 16 }, () => post(tenant, '/api/email-changes', { token })),
    )
    expect(replies.filter((it) => it.status === 200)).toHaveLength(1)
    expect(replies.filter((it) => ![200, 400].includes(it.status))).toEqual([])
  })

  test('is proven by no secret of another kind, tenant or account state (AUTHN-8)', async () => {
    const [tenant, other] = [await api.makeTenant(), await api.makeTenant()]
    const user = await tenant.makeUser()
    await other.makeUser({ email: user.email })
    const email = newAddress()
    await post(tenant, '/api/account/email-verification', undefined, user)
    const verification = await tokenTo(user.email)
    await ask(tenant, user, email)
    const change = await tokenTo(email)
    const tries = [
      [tenant, '/api/email-verifications', { token: change }],
      [tenant, '/api/email-changes', { token: verification }],
      [tenant, '/api/auth/reset-password', { token: change, new_password: 'an entirely new one' }],
      [tenant, '/api/invitation-previews', { token: change }],
      [other, '/api/email-changes', { token: change }],
      [tenant, '/api/email-changes', { token: change.slice(0, -1) }],
    ] as const
    for (const [at, path, body] of tries) {
      const reply = await post(at, path, body)
      expect([reply.status, reply.json.code, reply.json.detail], path).toEqual([
        400,
        'token.invalid',
        'Invalid or expired token',
      ])
    }
    // A change of the password voids both.
    const body = { current_password: user.password, new_password: 'an entirely new one' }
    await tenant.send({ method: 'PUT', path: '/api/account/password', user, body })
    expect((await post(tenant, '/api/email-changes', { token: change })).status).toBe(400)
  })
})
