import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { backgroundScope } from '../../src/db/tenancy.ts'
import {
  startTestApp,
  type TestApp,
  type TestRequest,
  type TestTenant,
  type TestUser,
} from '../../src/testing.ts'
import { app } from '../fixtures/app/app.ts'
import { domainRow } from '../fixtures/domain_row.ts'
import { isGlobalScope } from '../fixtures/identity_scope.ts'

// The table of docs/sign-in.md, walked: each way in is tried in each state in which it must open nothing.
let api: TestApp
let strict: TestApp
beforeAll(async () => {
  api = await startTestApp(app, { TRUST_PROXY: '127.0.0.1' })
  strict = await startTestApp(app, { TRUST_PROXY: '127.0.0.1', EMAIL_VERIFICATION: 'required' })
})
afterAll(() => Promise.all([api.close(), strict.close()]))

interface Scene {
  tenant: TestTenant
  user: TestUser
}

const NEW_PASSWORD = 'an entirely new one'

/** Each way: a request that works in a good state. What it needs, such as a mail, exists before the state. */
const ways: Record<string, (scene: Scene) => Promise<TestRequest>> = {
  '`POST /api/auth/login`, JSON': async ({ user: { email, password } }) =>
    post('/api/auth/login', { email, password }),
  '`POST /api/auth/login`, JSON with `session: "cookie"`': async ({
    tenant,
    user: { email, password },
  }) => fromPage(tenant, post('/api/auth/login', { email, password, session: 'cookie' })),
  '`POST /api/auth/token`, form': async ({ user: { email, password } }) =>
    post('/api/auth/token', new URLSearchParams({ username: email, password })),
  '`POST /api/auth/refresh`': async ({ user }) =>
    post('/api/auth/refresh', { refresh_token: user.refreshToken }),
  '`POST /api/invitation-acceptances`': async (scene) =>
    post('/api/invitation-acceptances', {
      token: await invite(scene),
      password: scene.user.password,
    }),
  '`GET /api/hand-over-redemptions`': async ({ tenant, user }) => handedOver(tenant, user),
  '`POST /api/auth/reset-password`': async ({ tenant, user: { email } }) => {
    await tenant.send(post('/api/auth/forgot-password', { email }))
    const token = await tokenTo(email, 1)
    return post('/api/auth/reset-password', { token, new_password: NEW_PASSWORD })
  },
  '`PUT /api/account/password`': async ({ user: { password, accessToken } }) => ({
    method: 'PUT',
    path: '/api/account/password',
    body: { current_password: password, new_password: NEW_PASSWORD },
    headers: { authorization: `Bearer ${accessToken}` },
  }),
}

/** Each state in which no way opens anything. */
const states: Record<string, (scene: Scene) => Promise<unknown>> = {
  'the tenant is suspended': ({ tenant }) =>
    platform((db) =>
      db.updateTable('tenantry.tenants').set({ status: 'suspended' }).where('id', '=', tenant.id),
    ),
  'the tenant is being deleted': ({ tenant }) =>
    platform((db) =>
      db.updateTable('tenantry.tenants').set({ status: 'deleting' }).where('id', '=', tenant.id),
    ),
  'the person is disabled': ({ user }) =>
    platform((db) =>
      db.updateTable('tenantry.users').set({ is_active: false }).where('id', '=', user.id),
    ),
  'the membership is deactivated': ({ tenant, user }) =>
    platform((db) =>
      db
        .updateTable('tenantry.members')
        .set({ is_active: false })
        .where('tenant_id', '=', tenant.id)
        .where('user_id', '=', user.id),
    ),
}

// A reset is of the person, not of the membership: it opens no session.
const exceptions = new Set(['`POST /api/auth/reset-password`: the membership is deactivated'])

/** The ways that need no verified address, where it is required. */
const unverifiedWays: Record<string, string> = {
  '`POST /api/auth/refresh`': 'continues a session that was opened while it was optional',
  '`POST /api/invitation-acceptances`': 'the mailed link verifies the address',
  '`POST /api/auth/reset-password`': 'opens nothing, and the mailed link verifies the address',
  '`PUT /api/account/password`': 'opens nothing',
}

const post = (path: string, body: unknown): TestRequest => ({ method: 'POST', path, body })

function fromPage({ host }: Pick<TestTenant, 'host'>, request: TestRequest): TestRequest {
  const headers = { origin: `https://${host}`, 'x-forwarded-proto': 'https' }
  return { ...request, headers }
}

type Db = Parameters<Parameters<TestApp['database']['acrossTenants']>[1]>[0]

function platform(change: (db: Db) => { execute(): Promise<unknown> }) {
  return api.database.acrossTenants('test', (db) => change(db).execute())
}

async function tokenTo(email: string, count: number): Promise<string> {
  const [mail] = await api.mailsTo(email, count)
  return /#token=([\w-]+)/.exec(mail?.text ?? '')?.[1] ?? ''
}

// The invited person is the user, who becomes a member by another way meanwhile.
async function invite({ tenant, user }: Scene): Promise<string> {
  const admin = await tenant.makeUser({ roles: ['admin_tenant'] })
  const elsewhere = `w-${randomBytes(6).toString('hex')}@example.com`
  const body = { email: elsewhere, roles: [] }
  await tenant.send({ ...post('/api/invitations', body), user: admin })
  const token = await tokenTo(elsewhere, 1)
  await platform((db) =>
    db
      .updateTable('tenantry.invitations')
      .set({ email: user.email, email_key: user.email })
      .where('email_key', '=', elsewhere),
  )
  return token
}

// The person is signed in at another tenant of theirs.
async function handedOver(target: TestTenant, { email, password }: TestUser): Promise<TestRequest> {
  const source = await api.makeTenant()
  await source.makeUser({ email })
  const login = post('/api/auth/login', { email, password, session: 'cookie' })
  const signedIn = await source.send(fromPage(source, login))
  const [cookie = ''] = signedIn.headers['set-cookie']?.split(';') ?? []
  const begin = post('/api/hand-over-challenges', { from: source.subdomain })
  const begun = await target.send(fromPage(target, begin))
  const [verifier = ''] = begun.headers['set-cookie']?.split(';') ?? []
  const form = new URLSearchParams({ to: target.id, challenge: begun.json.challenge })
  const request = fromPage(source, post('/api/hand-overs', form))
  const sent = { ...request.headers, 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }
  const reply = await source.send({ ...request, headers: { ...sent, cookie } })
  const { pathname, search } = new URL(reply.headers['location'] ?? '')
  const headers = { 'x-forwarded-proto': 'https', cookie: verifier }
  return { path: pathname + search, headers }
}

async function makeScene(): Promise<Scene> {
  const tenant = await api.makeTenant()
  const user = await tenant.makeUser({ roles: ['operator'] })
  await platform((db) =>
    db
      .updateTable('tenantry.users')
      .set({ email_verified_at: new Date() })
      .where('id', '=', user.id),
  )
  return { tenant, user }
}

function sessionsIn({ id }: TestTenant): Promise<number> {
  return api.database.inTenant(backgroundScope(id), async (db) => {
    const rows = await db.selectFrom('tenantry.sessions').select('id').execute()
    return rows.length
  })
}

/** The first cells of the table of ways. */
async function documentedWays(): Promise<string[]> {
  const text = await readFile(new URL('../../../../docs/sign-in.md', import.meta.url), 'utf8')
  const [, table = ''] = /\n\| way \|[^\n]*\n\|[-|]+\n((?:\|[^\n]*\n)+)/.exec(text) ?? []
  return table
    .trim()
    .split('\n')
    .map((row) => row.split(' | ')[0]?.slice(2).trim() ?? '')
}

// These read a cookie, or set one that opens nothing.
const openNothing = [
  '/api/auth/logout',
  '/api/email-verifications',
  '/api/email-changes',
  '/api/hand-over-challenges',
]

test('the table of docs/sign-in.md names each way, and each has a test here', async () => {
  expect((await documentedWays()).sort()).toEqual(Object.keys(ways).sort())
  // A route that can give a cookie or an access token is a way in.
  const opening = api.running.routes.filter(
    ({ reply, cookies, path }) =>
      !openNothing.includes(path) &&
      (cookies || (reply && JSON.stringify(z.toJSONSchema(reply)).includes('access_token'))),
  )
  expect(opening.length).toBeGreaterThanOrEqual(4)
  for (const { method, path } of opening) {
    expect(Object.keys(ways).join('\n')).toContain(`\`${method} ${path}\``)
  }
})

// Where each tenant has accounts of its own, none leads to another tenant.
const waysHere = Object.entries(ways).filter(
  ([way]) => isGlobalScope() || way !== '`GET /api/hand-over-redemptions`',
)

// There, a custom domain takes passwords and mailed secrets: hand_overs/custom_domains.test.ts.
const boundToOrigin = new Set(['`POST /api/auth/refresh`', '`PUT /api/account/password`'])

describe.each(waysHere)('%s', (way, prepare) => {
  test('works in a good state, and is in the audit log', async () => {
    const scene = await makeScene()
    const request = await prepare(scene)
    const reply = await scene.tenant.send(request)
    expect(reply.status, reply.text).toBeLessThan(400)
    const rows = await api.database.inTenant(backgroundScope(scene.tenant.id), (db) =>
      db
        .selectFrom('tenantry.audit_logs')
        .select('action')
        .where('request_id', '=', reply.headers['x-request-id'] ?? '')
        .execute(),
    )
    // A refresh continues a session that its sign-in has recorded.
    if (!way.includes('refresh')) expect(rows.length).toBeGreaterThan(0)
  })

  test.each(Object.entries(states))('opens nothing while %s', async (state, change) => {
    if (exceptions.has(`${way}: ${state}`)) return
    const scene = await makeScene()
    const request = await prepare(scene)
    const before = await sessionsIn(scene.tenant)
    await change(scene)
    const reply = await scene.tenant.send(request)
    expect(reply.status, reply.text).toBeGreaterThanOrEqual(400)
    expect(reply.headers['set-cookie']).toBeUndefined()
    expect(reply.text).not.toContain('access_token')
    expect(await sessionsIn(scene.tenant)).toBe(before)
  })

  test('opens nothing for an address that is not verified, where that is required', async () => {
    const scene = await makeScene()
    const request = await prepare(scene)
    const before = await sessionsIn(scene.tenant)
    await platform((db) =>
      db
        .updateTable('tenantry.users')
        .set({ email_verified_at: null })
        .where('id', '=', scene.user.id),
    )
    await strict.listener.sync()
    const reply = await strict.send(scene.tenant.host, request)
    if (way in unverifiedWays) return expect(reply.status, reply.text).toBeLessThan(300)
    expect([reply.status, reply.json.code]).toEqual([403, 'email.unverified'])
    expect(reply.headers['set-cookie']).toBeUndefined()
    expect(await sessionsIn(scene.tenant)).toBe(before)
  })

  // What a custom domain takes, decision 89 says: a hand-over that was meant for it.
  test.runIf(isGlobalScope() || boundToOrigin.has(way))(
    'opens nothing at a custom domain',
    async () => {
      const scene = await makeScene()
      const host = `d-${scene.tenant.subdomain}.example`
      await platform((db) =>
        db.insertInto('tenantry.domains').values(domainRow(host, scene.tenant.id)),
      )
      const request = await prepare(scene)
      const before = await sessionsIn(scene.tenant)
      const own = 'headers' in request && request.headers?.['origin']
      const sent = own ? fromPage({ host }, { ...request, headers: {} }) : request
      const reply = await api.send(host, sent)
      expect([400, 401, 403]).toContain(reply.status)
      expect(reply.headers['set-cookie']).toBeUndefined()
      expect(await sessionsIn(scene.tenant)).toBe(before)
    },
  )

  test("works at no other tenant's host", async () => {
    const [scene, other] = [await makeScene(), await api.makeTenant()]
    const request = await prepare(scene)
    const reply = await other.send(
      'headers' in request && request.headers?.['origin']
        ? fromPage(other, { ...request, headers: {} })
        : request,
    )
    expect([400, 401, 403]).toContain(reply.status)
    expect(await sessionsIn(other)).toBe(0)
  })
})
