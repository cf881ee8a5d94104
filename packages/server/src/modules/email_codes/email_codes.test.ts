import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { app } from '../../../test/fixtures/app/app.ts'
import { asAdmin, asRole } from '../../../test/fixtures/databases.ts'
import { backgroundScope } from '../../db/tenancy.ts'
import { startTestApp, type TestApp, type TestTenant, type TestUser } from '../../testing.ts'

let api: TestApp
let optional: TestApp
let off: TestApp
beforeAll(async () => {
  api = await startTestApp(app, { EMAIL_VERIFICATION: 'required', TRUST_PROXY: '127.0.0.1' })
  optional = await startTestApp(app)
  off = await startTestApp(app, { EMAIL_VERIFICATION: 'off' })
})
afterAll(() => Promise.all([api.close(), optional.close(), off.close()]))

const signIn = (tenant: TestTenant, { email, password }: TestUser, more = {}, headers = {}) =>
  tenant.send({
    method: 'POST',
    path: '/api/auth/login',
    body: { email, password, ...more },
    headers,
  })

const platform = (text: string, values: unknown[]) =>
  asRole('platform', (it) => it.query(text, values))

const isVerified = async (user: TestUser) => {
  const text = 'select email_verified_at is not null as it from tenantry.users where id = $1'
  return (await platform(text, [user.id])).rows[0].it
}

// makeUser signs in once, which causes the first mail.
async function codeTo(user: TestUser, count: number): Promise<string> {
  const mails = await api.mailsTo(user.email, count)
  return /^(\d{6})$/m.exec(mails[0]?.text ?? '')?.[1] ?? ''
}

const wrong = (code: string) => (code === '000000' ? '000001' : '000000')

describe('a person whose address has to be verified', () => {
  test('gets a code after the right password only, and signs in with it, once (AUTHN-9)', async () => {
    const tenant = await api.makeTenant({ name: 'Acme' })
    const user = await tenant.makeUser()
    expect(user.accessToken).toBe('')
    const first = await codeTo(user, 1)
    const rejected = await signIn(tenant, { ...user, password: 'not the password' })
    expect([rejected.status, rejected.json.code]).toEqual([401, 'credentials.wrong'])
    const reply = await signIn(tenant, user)
    expect([reply.status, reply.json.code]).toEqual([403, 'email.unverified'])
    const code = await codeTo(user, 2)
    expect(code).toMatch(/^\d{6}$/)
    // A later code voids the earlier one.
    if (first !== code) {
      expect((await signIn(tenant, user, { email_code: first })).status).toBe(422)
    }
    expect(await isVerified(user)).toBe(false)
    const opened = await signIn(tenant, user, {
      email_code: ` ${code.slice(0, 3)} ${code.slice(3)}`,
    })
    expect(opened.status, opened.text).toBe(200)
    expect(await isVerified(user)).toBe(true)
    // The password goes on, and no code is needed any more; one that is sent again does no harm.
    expect((await signIn(tenant, user)).status).toBe(200)
    expect((await signIn(tenant, user, { email_code: code })).status).toBe(200)
    const rows = await api.database.inTenant(backgroundScope(tenant.id), (db) =>
      db
        .selectFrom('tenantry.audit_logs')
        .select(['action', 'actor_id'])
        .where('action', 'in', ['users.email_verify', 'users.email_verify_request'])
        .orderBy('id')
        .execute(),
    )
    const asked = { action: 'users.email_verify_request', actor_id: user.id }
    expect(rows).toEqual([asked, asked, { action: 'users.email_verify', actor_id: user.id }])
  })

  test('signs in with a cookie too, and by the form of OAuth2 not before the address is verified', async () => {
    const tenant = await api.makeTenant()
    const user = await tenant.makeUser()
    const form = new URLSearchParams({ username: user.email, password: user.password })
    const token = () => tenant.send({ method: 'POST', path: '/api/auth/token', body: form })
    expect((await token()).status).toBe(403)
    const headers = { origin: `https://${tenant.host}`, 'x-forwarded-proto': 'https' }
    const cookie = { session: 'cookie' }
    const asked = await signIn(tenant, user, cookie, headers)
    expect([asked.status, asked.headers['set-cookie']]).toEqual([403, undefined])
    // The jobs of the earlier codes may find them void, and send nothing.
    api.running.worker?.notify()
    await api.running.worker?.idle()
    const email_code = await codeTo(user, 1)
    const opened = await signIn(tenant, user, { ...cookie, email_code }, headers)
    expect(opened.status).toBe(200)
    expect(opened.headers['set-cookie']).toContain('__Host-tenantry=')
    expect((await token()).status).toBe(200)
  })

  test('has five attempts for a code, also at the same time; then the right one is void', async () => {
    const tenant = await api.makeTenant()
    const user = await tenant.makeUser()
    const code = await codeTo(user, 1)
    const tries = Array.from({ length: 5 }, () => signIn(tenant, user, { email_code: wrong(code) }))
    const replies = await Promise.all(tries)
    const last = await signIn(tenant, user, { email_code: code })
    for (const { status, json } of [...replies, last]) {
      expect([status, json.errors?.[0]]).toEqual([
        422,
        { pointer: '/email_code', message: 'is wrong or has expired' },
      ])
    }
    expect(await isVerified(user)).toBe(false)
  })

  test('is stopped after ten wrong codes in a day, however many mails were sent', async () => {
    const tenant = await api.makeTenant()
    const user = await tenant.makeUser()
    const statuses: number[] = []
    for (let round = 0; round < 3; round++) {
      const code = await codeTo(user, round + 1)
      for (let attempt = 0; attempt < 4; attempt++) {
        statuses.push((await signIn(tenant, user, { email_code: wrong(code) })).status)
      }
      await signIn(tenant, user)
    }
    expect(statuses).toEqual([...Array(10).fill(422), 429, 429])
  })

  test('gets five mails in an hour, and the same answer without a further one', async () => {
    const tenant = await api.makeTenant()
    const user = await tenant.makeUser()
    // Each mail is awaited: a code that a later one has voided before its job ran is not sent.
    await codeTo(user, 1)
    for (let sent = 1; sent < 8; sent++) {
      expect((await signIn(tenant, user)).status).toBe(403)
      await codeTo(user, Math.min(sent + 1, 5))
    }
    await api.running.worker?.idle()
    expect(await api.mailsTo(user.email, 5)).toHaveLength(5)
    await expect(codeTo(user, 5)).resolves.toMatch(/^\d{6}$/)
  })

  test('cannot use a code that has expired, was made before a new password, or is of another person', async () => {
    const tenant = await api.makeTenant()
    const [user, other] = [await tenant.makeUser(), await tenant.makeUser()]
    const [code, foreign] = [await codeTo(user, 1), await codeTo(other, 1)]
    if (foreign !== code) {
      expect((await signIn(tenant, user, { email_code: foreign })).status).toBe(422)
    }
    await platform('update tenantry.single_use_secrets set expires_at = now() where user_id = $1', [
      user.id,
    ])
    expect((await signIn(tenant, user, { email_code: code })).status).toBe(422)
    await platform('update tenantry.users set sessions_valid_from = now() where id = $1', [
      other.id,
    ])
    expect((await signIn(tenant, other, { email_code: foreign })).status).toBe(422)
  })

  test('leaves no code and no secret in the database', async () => {
    const tenant = await api.makeTenant()
    const user = await tenant.makeUser()
    const code = await codeTo(user, 1)
    const rows = await asAdmin((it) =>
      it.query(
        `select (select json_agg(s) from tenantry.single_use_secrets s where user_id = $1)::text
           || (select coalesce(json_agg(j)::text, '') from tenantry.jobs j where tenant_id = $2) as it`,
        [user.id, tenant.id],
      ),
    )
    expect(rows.rows[0].it).toContain('code_mac')
    expect(rows.rows[0].it.replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, '')).not.toContain(`"${code}"`)
  })
})

test('where it is optional or off, an unverified person signs in; off asks nobody', async () => {
  for (const [it, mode, status] of [
    [optional, 'optional', 202],
    [off, 'off', 409],
  ] as const) {
    const tenant = await it.makeTenant()
    const user = await tenant.makeUser()
    expect(user.accessToken).not.toBe('')
    const account = await tenant.send({ path: '/api/account', user })
    expect(account.json).toMatchObject({ email_verified: false, email_verification: mode })
    const path = '/api/account/email-verification'
    expect((await tenant.send({ method: 'POST', path, user })).status).toBe(status)
  }
})
