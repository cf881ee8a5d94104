import { createHash, randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { eraseTenant, markDeleting } from '../../src/modules/tenants/erase_tenant.ts'
import { disableUser } from '../../src/modules/users/end_user.ts'
import { startTestApp, type TestApp, type TestTenant, type TestUser } from '../../src/testing.ts'
import { app } from '../fixtures/app/app.ts'
import { browserAt, cookieOf, HTTPS, signIn as signInBrowser } from '../fixtures/browser.ts'
import { asRole } from '../fixtures/databases.ts'

let api: TestApp
beforeAll(async () => {
  const settings = { SIGN_UP: 'on', SIGNIN_LIMIT_ACCOUNT: '3', TRUST_PROXY: '127.0.0.1' }
  api = await startTestApp(app, settings)
})
afterAll(() => api.close())

const unique = () => randomBytes(6).toString('hex')
const NEW_PASSWORD = 'an entirely new one'

interface Twins {
  a: TestTenant
  b: TestTenant
  email: string
  /** The accounts of one address. */
  ofA: TestUser
  ofB: TestUser
}

/** One address with an account in each of two tenants. */
async function makeTwins(passwords: { a?: string; b?: string } = {}): Promise<Twins> {
  const [a, b] = [await api.makeTenant(), await api.makeTenant()]
  const email = `twin-${unique()}@example.com`
  const { a: ofA = 'the password at both', b: ofB = 'the password at both' } = passwords
  return {
    ...{ a, b, email },
    ofA: await a.makeUser({ email, password: ofA, roles: ['admin_tenant'] }),
    ofB: await b.makeUser({ email, password: ofB, roles: ['admin_tenant'] }),
  }
}

const post = (tenant: TestTenant, path: string, body?: object, user?: TestUser) =>
  tenant.send({ method: 'POST', path, body, user })

const signIn = async (tenant: TestTenant, email: string, password: string) =>
  (await post(tenant, '/api/auth/login', { email, password })).status

const me = async (tenant: TestTenant, user: TestUser) =>
  (await tenant.send({ path: '/api/auth/me', user })).status

/** The secret of the newest of `count` mails to an address, behind the fragment that `marker` begins. */
async function secretOf(email: string, marker: string, count = 1): Promise<string> {
  const [mail] = await api.mailsTo(email, count)
  const [, token] = new RegExp(`${marker}[^\\s]*token=([\\w-]+)`).exec(mail?.text ?? '') ?? []
  if (token === undefined) throw new Error(`the mail has no link with ${marker}`)
  return token
}

const rowsAs = <T extends object>(sql: string, values: unknown[]) =>
  asRole('platform', async (client) => (await client.query<T>(sql, values)).rows)

const logOf = async ({ id }: TestTenant, userId: string) =>
  (
    await rowsAs<{ action: string }>(
      `select action from tenantry.audit_logs where tenant_id = $1 and entity = 'users'
       and entity_id = $2 order by id`,
      [id, userId],
    )
  ).map((it) => it.action)

describe('where each tenant has accounts of its own, one address', () => {
  test('is two accounts in two tenants, each with its own password', async () => {
    const { a, b, email, ofA, ofB } = await makeTwins({
      a: 'only at tenant a',
      b: 'only at tenant b',
    })
    expect(ofA.id).not.toBe(ofB.id)
    expect(await signIn(a, email, ofA.password)).toBe(200)
    expect(await signIn(b, email, ofB.password)).toBe(200)
    expect(await signIn(a, email, ofB.password)).toBe(401)
    expect(await signIn(b, email, ofA.password)).toBe(401)
  })

  test('with one password at both is two accounts: no token and no cookie opens the other tenant', async () => {
    const { a, b, ofA, ofB } = await makeTwins()
    expect([await me(a, ofA), await me(b, ofB)]).toEqual([200, 200])
    expect([await me(b, ofA), await me(a, ofB)]).toEqual([401, 401])
    const body = { refresh_token: ofA.refreshToken }
    expect((await post(b, '/api/auth/refresh', body)).status).toBe(401)
    expect((await post(a, '/api/auth/refresh', body)).status).toBe(200)
    const cookie = cookieOf(await signInBrowser(browserAt(a, api), ofA))
    const withCookie = (tenant: TestTenant) =>
      tenant.send({ path: '/api/auth/me', headers: { ...HTTPS, cookie } })
    expect((await withCookie(a)).status).toBe(200)
    expect((await withCookie(b)).status).toBe(401)
  })

  test('is no hint: a tenant answers alike to an account of another tenant and to none', async () => {
    const [a, b] = [await api.makeTenant(), await api.makeTenant()]
    const elsewhere = await a.makeUser()
    const none = `none-${unique()}@example.com`
    const shape = async (path: string, body: object) => {
      const { status, text, headers } = await post(b, path, body)
      const { 'x-request-id': _, date: __, ...others } = headers
      return [status, text.replace(/"(instance|request_id)":"[^"]*"/g, ''), others]
    }
    const { password } = elsewhere
    for (const email of [elsewhere.email, none]) {
      expect(await shape('/api/auth/login', { email, password })).toEqual(
        await shape('/api/auth/login', { email: `x-${unique()}@example.com`, password }),
      )
      expect(await shape('/api/auth/forgot-password', { email })).toEqual(
        await shape('/api/auth/forgot-password', { email: `x-${unique()}@example.com` }),
      )
    }
    await api.running.settle()
    expect(await api.mailsTo(elsewhere.email, 0)).toEqual([])
  })

  test('gets reset links for one account: a link sets no password in another tenant, and ends nothing there', async () => {
    const { a, b, email, ofA, ofB } = await makeTwins()
    await post(a, '/api/auth/forgot-password', { email })
    const [mail] = await api.mailsTo(email)
    expect(mail?.text).toContain(a.host)
    const body = { token: await secretOf(email, 'reset-password#'), new_password: NEW_PASSWORD }
    expect((await post(b, '/api/auth/reset-password', body)).status).toBe(400)
    expect((await post(a, '/api/auth/reset-password', body)).status).toBe(200)
    expect(await signIn(a, email, ofA.password)).toBe(401)
    expect(await signIn(a, email, NEW_PASSWORD)).toBe(200)
    expect([await me(a, ofA), await me(b, ofB)]).toEqual([401, 200])
    expect(await signIn(b, email, ofB.password)).toBe(200)
  })

  test('is locked by wrong passwords in one tenant only', async () => {
    const { a, b, email, ofA, ofB } = await makeTwins()
    const guesses: number[] = []
    // A guess that a busy server did not check counts for nothing.
    while (guesses.at(-1) !== 429 && guesses.length < 10) {
      guesses.push(await signIn(b, email, 'a wrong guess'))
    }
    expect(guesses.filter((it) => it === 401)).toHaveLength(3)
    expect(await signIn(b, email, ofB.password)).toBe(429)
    expect(await signIn(a, email, ofA.password)).toBe(200)
  })

  test('is verified in one tenant only, and its link is of no use in another', async () => {
    const { a, b, email, ofA, ofB } = await makeTwins()
    await post(a, '/api/account/email-verification', undefined, ofA)
    const token = await secretOf(email, 'verify#')
    expect((await post(b, '/api/email-verifications', { token }, ofB)).status).toBe(400)
    expect((await post(a, '/api/email-verifications', { token }, ofA)).status).toBe(200)
    const account = async (tenant: TestTenant, user: TestUser) =>
      (await tenant.send({ path: '/api/account', user })).json.email_verified
    expect([await account(a, ofA), await account(b, ofB)]).toEqual([true, false])
  })

  test('is free for a change of the address though another tenant has an account with it', async () => {
    const { a, b, email, ofB } = await makeTwins()
    const other = await a.makeUser()
    const taken = await b.makeUser()
    const body = { email: taken.email, current_password: other.password }
    const asked = await a.send({ method: 'PUT', path: '/api/account/email', body, user: other })
    expect(asked.status, asked.text).toBe(202)
    const token = await secretOf(taken.email, 'verify#')
    expect((await post(b, '/api/email-changes', { token }, taken)).status).toBe(400)
    expect((await post(a, '/api/email-changes', { token }, other)).status).toBe(200)
    expect(await signIn(a, taken.email, other.password)).toBe(200)
    expect(await me(b, taken)).toBe(200)
    expect(await signIn(b, email, ofB.password)).toBe(200)
  })

  test('is invited as a new person where it has an account elsewhere only', async () => {
    const { a, b, ofA } = await makeTwins()
    const person = await b.makeUser()
    const { email } = person
    await post(a, '/api/invitations', { email, roles: ['operator'] }, ofA)
    const token = await secretOf(email, 'accept-invitation#')
    const preview = await post(a, '/api/invitation-previews', { token })
    expect(preview.json).toMatchObject({ account: 'none', full_name: '', is_member: false })
    expect((await post(b, '/api/invitation-previews', { token })).status).toBe(400)
    const given = { token, password: NEW_PASSWORD }
    expect((await post(b, '/api/invitation-acceptances', given)).status).toBe(400)
    const joined = await post(a, '/api/invitation-acceptances', given)
    expect(joined.status, joined.text).toBe(200)
    expect(await signIn(a, email, NEW_PASSWORD)).toBe(200)
    expect(await signIn(a, email, person.password)).toBe(401)
    expect(await signIn(b, email, person.password)).toBe(200)
    expect(await me(b, person)).toBe(200)
  })

  test('is disabled and changed in one tenant: the sessions and the log of another do not notice', async () => {
    const { a, b, email, ofA, ofB } = await makeTwins()
    await a.makeUser({ roles: ['admin_tenant'] })
    await api.database.acrossTenants('test', (db) => disableUser(db, app.policy, ofA.id))
    expect(await signIn(a, email, ofA.password)).toBe(401)
    expect([await me(a, ofA), await me(b, ofB)]).toEqual([401, 200])
    const body = { current_password: ofB.password, new_password: NEW_PASSWORD }
    const changed = await b.send({ method: 'PUT', path: '/api/account/password', body, user: ofB })
    expect(changed.status, changed.text).toBe(204)
    expect(await logOf(a, ofA.id)).toEqual(['users.disable'])
    expect(await logOf(b, ofB.id)).toEqual(['users.password_change'])
    expect([await logOf(a, ofB.id), await logOf(b, ofA.id)]).toEqual([[], []])
  })

  test('is deleted in one tenant only', async () => {
    const { a, b, email, ofA, ofB } = await makeTwins()
    await a.makeUser({ roles: ['admin_tenant'] })
    const preview = await a.send({ path: '/api/account/deletion', user: ofA })
    expect(preview.json).toMatchObject({ tenants: 1, owned_alone: 0 })
    const body = { current_password: ofA.password }
    const reply = await a.send({ method: 'DELETE', path: '/api/account', body, user: ofA })
    expect(reply.status, reply.text).toBe(202)
    expect(await signIn(a, email, ofA.password)).toBe(401)
    await rowsAs('update tenantry.users set erase_at = now() where id = $1', [ofA.id])
    await rowsAs(
      "update tenantry.jobs set state = 'ready', run_at = now() where kind = 'users.erase' and tenant_id = $1",
      [a.id],
    )
    api.running.worker?.notify()
    const ids = () => rowsAs('select id from tenantry.users where email_key = $1', [email])
    await expect.poll(ids).toEqual([{ id: ofB.id }])
    expect([await me(b, ofB), await signIn(b, email, ofB.password)]).toEqual([200, 200])
  })

  test('leaves with its tenant, a removed member too, and stays in another', async () => {
    const { a, b, email, ofB } = await makeTwins()
    const removed = await a.makeUser()
    await rowsAs('delete from tenantry.members where user_id = $1', [removed.id])
    const inPlatform: Parameters<typeof eraseTenant>[0] = (work) =>
      api.database.acrossTenants('test', work)
    await rowsAs("update tenantry.tenants set status = 'suspended' where id = $1", [a.id])
    expect(await inPlatform((db) => markDeleting(db, a.id))).toBe(true)
    await eraseTenant(inPlatform, a.id)
    expect(await rowsAs('select from tenantry.users where realm_id = $1', [a.id])).toEqual([])
    expect(await signIn(b, email, ofB.password)).toBe(200)
  })
})

describe('where each tenant has accounts of its own', () => {
  test('an account leads to no other tenant: no list, no hand-over, no reminder', async () => {
    const { a, b, email, ofA } = await makeTwins()
    const { json } = await a.send({ path: '/api/account/tenants', user: ofA })
    expect(json.items.map((it: { id: string }) => it.id)).toEqual([a.id])
    const refused = { status: 404, json: { type: 'urn:tenantry:problem:identity.tenant_scope' } }
    const cookie = cookieOf(await signInBrowser(browserAt(a, api), ofA))
    const headers = { ...HTTPS, origin: `https://${a.host}`, cookie }
    const challenge = createHash('sha256').update(unique()).digest('base64url')
    const body = new URLSearchParams({ to: b.id, challenge })
    const handOver = await a.send({ method: 'POST', path: '/api/hand-overs', headers, body })
    expect(handOver).toMatchObject(refused)
    const toHost = { method: 'POST', path: '/api/tenant-reminders', body: { email } }
    expect(await api.send(api.config.APP_HOST, toHost)).toMatchObject(refused)
    const said = await api.send(api.config.APP_HOST, { path: '/api/installation' })
    expect(said.json.identity_scope).toBe('tenant')
  })

  test('a sign-up makes an account of the new tenant, whoever has the address elsewhere', async () => {
    const { a, email, ofA } = await makeTwins()
    const at = (path: string, body: object) =>
      api.send(api.config.APP_HOST, { method: 'POST', path, body })
    const subdomain = `s-${unique()}`
    const { json } = await at('/api/sign-ups', { email, tenant_name: 'Own', subdomain })
    const token = await secretOf(email, 'sign-up#')
    const path = `/api/sign-ups/${json.sign_up_id}`
    expect((await at(`${path}/preview`, { token })).json.account).toBe('none')
    expect((await at(`${path}/confirmation`, { token })).status).toBe(422)
    const made = await at(`${path}/confirmation`, { token, password: NEW_PASSWORD })
    expect(made.json, made.text).toMatchObject({ account: 'created', tenant: { subdomain } })
    const host = `${subdomain}.app.test`
    const login = async (password: string) => {
      const body = { email, password }
      return (await api.send(host, { method: 'POST', path: '/api/auth/login', body })).status
    }
    expect([await login(NEW_PASSWORD), await login(ofA.password)]).toEqual([200, 401])
    expect([await me(a, ofA), await signIn(a, email, ofA.password)]).toEqual([200, 200])
    // The browser goes on to the new tenant with the receipt.
    const begun = await api.send(host, {
      ...{ method: 'POST', path: '/api/hand-over-challenges', body: { from: 'sign-up' } },
      headers: { ...HTTPS, origin: `https://${host}` },
    })
    const [cookie = ''] = begun.headers['set-cookie']?.split(';') ?? []
    const { challenge } = begun.json
    const receipt = { to: made.json.tenant.id, receipt: made.json.receipt, challenge }
    const { url } = (await at('/api/sign-up-receipts', receipt)).json
    const { pathname, search } = new URL(url)
    const redeem = { path: pathname + search, headers: { ...HTTPS, cookie } }
    expect((await api.send(a.host, redeem)).status).toBe(400)
    const redeemed = await api.send(host, redeem)
    expect([redeemed.status, redeemed.headers['location']]).toEqual([303, '/console'])
  })
})
