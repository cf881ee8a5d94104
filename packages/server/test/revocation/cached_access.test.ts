import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { INSTALLATION_REALM } from '../../src/access/realm.ts'
import { type AccessSubject, createTokens } from '../../src/access/tokens.ts'
import { keyRing } from '../../src/lib/keys.ts'
import { startTestApp, type TestApp, type TestTenant } from '../../src/testing.ts'
import { app } from '../fixtures/app/app.ts'
import { createScene, runManually } from './scene.ts'

let api: TestApp
beforeAll(async () => {
  api = await startTestApp(app)
})
afterAll(() => api.close())

function ask({ host }: TestTenant, token: string) {
  const headers = { host, authorization: `Bearer ${token}` }
  return api.send(host, { path: '/api/tenant/tenant-data', headers })
}

async function fillCaches(tenant: TestTenant, token: string): Promise<void> {
  const { hits } = api.running.caches.tokens.counts
  await expect
    .poll(async () => {
      expect((await ask(tenant, token)).status).toBe(200)
      return api.running.caches.tokens.counts.hits
    })
    .toBeGreaterThan(hits)
}

/** A token signed with the server's key, for any subject. */
function signed({ id, host, subdomain }: TestTenant, subject: Subject, accessMinutes = 5) {
  const ring = keyRing(api.config.SECRET_KEY ?? '', undefined)
  const tokens = createTokens(ring, { algorithm: 'HS256', accessMinutes })
  const issuer = `https://${host}`
  const limits = { rate: null, concurrency: null }
  return tokens.issueAccess(
    {
      id,
      subdomain,
      name: '',
      origin: issuer,
      home: issuer,
      issuer,
      realm: INSTALLATION_REALM,
      limits,
      branding: {},
    },
    { ...subject, roles: [], jti: 'signed for a test' },
  )
}

type Subject = Pick<AccessSubject, 'userId' | 'sessionId'>

function sessionOf(token: string): string {
  const [, payload = ''] = token.split('.')
  return JSON.parse(Buffer.from(payload, 'base64url').toString()).sid
}

test('a request with filled caches sends no query unless its handler does', async () => {
  const { tenant, user } = await createScene(await api.makeTenant())
  await fillCaches(tenant, user.accessToken)
  const pools = () => api.statementsOf(() => ask(tenant, user.accessToken))
  await expect.poll(pools).toEqual([])
})

test('a token that expires while it is cached is rejected (JWT-6)', async () => {
  const { tenant, user } = await createScene(await api.makeTenant())
  const sessionId = sessionOf(user.accessToken)
  const token = await signed(tenant, { userId: user.id, sessionId }, 1 / 60)
  await fillCaches(tenant, token)
  // It lives for one second, with five of leeway; the comparison is in whole seconds.
  await expect.poll(async () => (await ask(tenant, token)).status, { timeout: 9_000 }).toBe(401)
  expect((await ask(tenant, user.accessToken)).status).toBe(200)
})

test('a token that differs from a cached one in one character is rejected (JWT-6)', async () => {
  const { tenant, user } = await createScene(await api.makeTenant())
  const token = user.accessToken
  await fillCaches(tenant, token)
  for (const at of [0, 10, token.indexOf('.') + 5, token.length - 5, token.length - 1]) {
    const other = token[at] === 'A' ? 'B' : 'A'
    const forged = token.slice(0, at) + other + token.slice(at + 1)
    expect((await ask(tenant, forged)).status).toBe(401)
  }
})

test('a cached token is valid on its own host only (TEN-5)', async () => {
  const [here, elsewhere] = [await createScene(await api.makeTenant()), await api.makeTenant()]
  await fillCaches(here.tenant, here.user.accessToken)
  expect((await ask(elsewhere, here.user.accessToken)).status).toBe(401)
})

test('a cached session answers no token that names another user (SESS-4)', async () => {
  const { tenant, user } = await createScene(await api.makeTenant())
  const other = await tenant.makeUser()
  await fillCaches(tenant, user.accessToken)
  const sessionId = sessionOf(user.accessToken)
  const mixed = await signed(tenant, { userId: other.id, sessionId })
  for (let times = 0; times < 3; times++) expect((await ask(tenant, mixed)).status).toBe(401)
  expect((await ask(tenant, user.accessToken)).status).toBe(200)
})

test('a new token of a cached session causes no query', async () => {
  const { tenant, user } = await createScene(await api.makeTenant())
  await fillCaches(tenant, user.accessToken)
  const sessionId = sessionOf(user.accessToken)
  const next = await signed(tenant, { userId: user.id, sessionId })
  await fillCaches(tenant, next)
  const pools = () => api.statementsOf(() => ask(tenant, next))
  await expect.poll(pools).toEqual([])
})

test('a cached session expires in time after the machine was suspended (SESS-6)', async () => {
  onTestFinished(() => {
    vi.useRealTimers()
  })
  const { tenant, user } = await createScene(await api.makeTenant())
  await runManually(
    "update tenantry.sessions set idle_expires_at = now() + interval '1 minute' where tenant_id = $1",
    tenant.id,
  )
  await fillCaches(tenant, user.accessToken)
  // While a machine is suspended only the wall clock advances.
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 120_000 })
  await expect.poll(() => api.listener.isFresh(), { timeout: 10_000 }).toBe(true)
  const { misses } = api.running.caches.sessions.counts
  await ask(tenant, user.accessToken)
  expect(api.running.caches.sessions.counts.misses).toBeGreaterThan(misses)
})

test('a cached session expires in time without an invalidation (SESS-6)', async () => {
  const { tenant, user } = await createScene(await api.makeTenant())
  await runManually(
    "update tenantry.sessions set idle_expires_at = now() + interval '2 seconds' where tenant_id = $1",
    tenant.id,
  )
  await fillCaches(tenant, user.accessToken)
  const status = async () => (await ask(tenant, user.accessToken)).status
  await expect.poll(status, { timeout: 5_000 }).toBe(401)
})
