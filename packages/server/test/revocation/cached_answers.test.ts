import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { type AccessSubject, createTokens } from '../../src/access/tokens.ts'
import { keyRing } from '../../src/lib/keys.ts'
import { startTestApp, type TestApp, type TestTenant } from '../../src/testing.ts'
import { app } from '../fixtures/app/app.ts'
import { createScene, runManually } from './attempts.ts'

let api: TestApp
beforeAll(async () => {
  api = await startTestApp(app)
})
afterAll(() => api.close())

function ask({ host }: TestTenant, token: string) {
  const headers = { host, authorization: `Bearer ${token}` }
  return api.send(host, { path: '/api/tenant/tenant-data', headers })
}

async function remembered(tenant: TestTenant, token: string): Promise<void> {
  const { hits } = api.running.caches.tokens.counts
  await expect
    .poll(async () => {
      expect((await ask(tenant, token)).status).toBe(200)
      return api.running.caches.tokens.counts.hits
    })
    .toBeGreaterThan(hits)
}

/** A token that we signed, whoever it is for. */
function signed({ id, host, subdomain }: TestTenant, subject: Subject, accessMinutes = 5) {
  const ring = keyRing(api.config.SECRET_KEY ?? '', undefined)
  const tokens = createTokens(ring, { algorithm: 'HS256', accessMinutes })
  const issuer = `https://${host}`
  const limits = { rate: null, concurrency: null }
  return tokens.issueAccess(
    { id, subdomain, name: '', origin: issuer, issuer, limits },
    { ...subject, roles: [], jti: 'signed for a test' },
  )
}

type Subject = Pick<AccessSubject, 'userId' | 'sessionId'>

function sessionOf(token: string): string {
  const [, payload = ''] = token.split('.')
  return JSON.parse(Buffer.from(payload, 'base64url').toString()).sid
}

test('a request whose handler asks nothing asks the database nothing', async () => {
  const { tenant, user } = await createScene(await api.makeTenant())
  await remembered(tenant, user.accessToken)
  const pools = () => api.statementsOf(() => ask(tenant, user.accessToken))
  await expect.poll(pools).toEqual([])
})

test('a token that expires while it is remembered is refused (JWT-6)', async () => {
  const { tenant, user } = await createScene(await api.makeTenant())
  const sessionId = sessionOf(user.accessToken)
  const token = await signed(tenant, { userId: user.id, sessionId }, 1 / 60)
  await remembered(tenant, token)
  // A second of life, five of leeway, and whole seconds are compared.
  await expect.poll(async () => (await ask(tenant, token)).status, { timeout: 9_000 }).toBe(401)
  expect((await ask(tenant, user.accessToken)).status).toBe(200)
})

test('a token that differs from a remembered one in any character is another (JWT-6)', async () => {
  const { tenant, user } = await createScene(await api.makeTenant())
  const token = user.accessToken
  await remembered(tenant, token)
  for (const at of [0, 10, token.indexOf('.') + 5, token.length - 5, token.length - 1]) {
    const other = token[at] === 'A' ? 'B' : 'A'
    const forged = token.slice(0, at) + other + token.slice(at + 1)
    expect((await ask(tenant, forged)).status).toBe(401)
  }
})

test('a remembered token is good on its own host only (TEN-5)', async () => {
  const [here, elsewhere] = [await createScene(await api.makeTenant()), await api.makeTenant()]
  await remembered(here.tenant, here.user.accessToken)
  expect((await ask(elsewhere, here.user.accessToken)).status).toBe(401)
})

test('a remembered session is of its own user only, whatever we may have signed (SESS-4)', async () => {
  const { tenant, user } = await createScene(await api.makeTenant())
  const other = await tenant.makeUser()
  await remembered(tenant, user.accessToken)
  const sessionId = sessionOf(user.accessToken)
  const mixed = await signed(tenant, { userId: other.id, sessionId })
  for (let turn = 0; turn < 3; turn++) expect((await ask(tenant, mixed)).status).toBe(401)
  expect((await ask(tenant, user.accessToken)).status).toBe(200)
})

test('a session that goes on with a new token is remembered as it was', async () => {
  const { tenant, user } = await createScene(await api.makeTenant())
  await remembered(tenant, user.accessToken)
  const sessionId = sessionOf(user.accessToken)
  const next = await signed(tenant, { userId: user.id, sessionId })
  await remembered(tenant, next)
  const pools = () => api.statementsOf(() => ask(tenant, next))
  await expect.poll(pools).toEqual([])
})

test('a remembered session ends in time though the machine was paused meanwhile (SESS-6)', async () => {
  onTestFinished(() => {
    vi.useRealTimers()
  })
  const { tenant, user } = await createScene(await api.makeTenant())
  await runManually(
    "update tenantry.sessions set idle_expires_at = now() + interval '1 minute' where tenant_id = $1",
    tenant.id,
  )
  await remembered(tenant, user.accessToken)
  // Of a paused machine's clocks only this one has gone on when it comes back.
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 120_000 })
  await expect.poll(() => api.listener.isFresh(), { timeout: 10_000 }).toBe(true)
  const { misses } = api.running.caches.sessions.counts
  await ask(tenant, user.accessToken)
  expect(api.running.caches.sessions.counts.misses).toBeGreaterThan(misses)
})

test('a remembered session ends when its time is up, unannounced (SESS-6)', async () => {
  const { tenant, user } = await createScene(await api.makeTenant())
  await runManually(
    "update tenantry.sessions set idle_expires_at = now() + interval '2 seconds' where tenant_id = $1",
    tenant.id,
  )
  await remembered(tenant, user.accessToken)
  const status = async () => (await ask(tenant, user.accessToken)).status
  await expect.poll(status, { timeout: 5_000 }).toBe(401)
})
