import { once } from 'node:events'
import { request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { startTestApp, type TestApp, type TestTenant, type TestUser } from '../../src/testing.ts'
import { app } from '../fixtures/app/app.ts'
import {
  asAdmin,
  asRole,
  onMigratedDatabase,
  scopeUrls,
  sharedDatabase,
} from '../fixtures/databases.ts'
import { insertDomain } from '../fixtures/domain_row.ts'
import { tokenAt } from '../fixtures/token_at.ts'
import { startWireProxy } from '../fixtures/wire_proxy.ts'
import { createScene, runManually, type Scene, untilRejected } from './scene.ts'

async function startNode(settings: Record<string, string> = {}): Promise<TestApp> {
  const api = await startTestApp(app, { SECRET_KEY: 'k'.repeat(48), ...settings })
  onTestFinished(api.close)
  return api
}

/** Starts a server whose queries, but not its listener, go through a proxy. */
async function startReadingThroughProxy() {
  const { app: url, identity } = scopeUrls()
  const proxy = await startWireProxy(url)
  const node = await startNode({
    DB_URL: proxy.through(url),
    DB_IDENTITY_URL: proxy.through(identity),
    REQUEST_WAIT_MS: '20000',
  })
  onTestFinished(async () => {
    proxy.set('pass')
    await proxy.close()
  })
  return { proxy, node }
}

/** Starts a server whose listener, but not its queries, goes through a proxy. */
async function startListeningThroughProxy() {
  const { app: url } = sharedDatabase()
  const proxy = await startWireProxy(url)
  const node = await startNode({ DB_LISTEN_URL: proxy.through(url) })
  onTestFinished(async () => {
    proxy.set('pass')
    await proxy.close()
  })
  return { proxy, node }
}

function ask(node: TestApp, host: string, user: TestUser) {
  const authorization = `Bearer ${tokenAt(node, user, host)}`
  return node.send(host, { path: '/api/tenant/tenant-data', headers: { host, authorization } })
}

/** Resolves when an invalidation of one of these ids has arrived. */
async function untilInvalidated(node: TestApp, ids: string[], position: number): Promise<void> {
  await expect
    .poll(() => node.listener.log.changedSince(position, ids), { timeout: 10_000 })
    .toBe(true)
}

/** Two tenants, a domain of the first that the server has cached, and a function that moves it to the second. */
async function startWithDomain() {
  const { proxy, node } = await startReadingThroughProxy()
  const [from, to] = [
    await createScene(await node.makeTenant()),
    await createScene(await node.makeTenant()),
  ]
  const host = `${from.tenant.subdomain}.example.org`
  const write = (sql: string, tenant: TestTenant) =>
    asRole('platform', (client) => client.query(sql, [host, tenant.id]))
  await write(insertDomain, from.tenant)
  await node.listener.sync()
  const move = () => write('update tenantry.domains set tenant_id = $2 where name = $1', to.tenant)
  return { proxy, node, from, to, host, move }
}

test('of 50 look-ups in flight while a domain moves, none resolves to the old tenant (TEN-9)', async () => {
  const { proxy, node, from, to, host, move } = await startWithDomain()
  const { position } = node.listener.log
  proxy.sent.length = 0
  proxy.set('hold')
  const lookups = Array.from({ length: 50 }, () => ask(node, host, to.user))
  const isLookup = (it: string) => it.includes('"tenantry"."domains"')
  await proxy.until((sent) => sent.some(isLookup))
  // The database has replied; the proxy holds the reply, which is about to become stale.
  await sleep(200)
  await move()
  await untilInvalidated(node, [from.tenant.id], position)
  proxy.set('pass')
  expect(new Set((await Promise.all(lookups)).map((it) => it.status))).toEqual(new Set([200]))
  expect((await ask(node, host, from.user)).status).toBe(401)
  // One look-up for all of them, and one more because the first was stale.
  expect(proxy.sent.filter(isLookup).length).toBe(2)
})

test("a user of a domain's old tenant is rejected while the domain moves to another (TEN-9)", async () => {
  const { proxy, node, from, host, move } = await startWithDomain()
  expect((await node.send(host, { path: '/' })).status).toBe(200)
  const { position } = node.listener.log
  proxy.sent.length = 0
  proxy.set('hold')
  // The host has been resolved; the session is being looked up.
  const reply = ask(node, host, from.user)
  await proxy.until((sent) => sent.some((it) => it.includes('"tenantry"."sessions"')))
  await move()
  await untilInvalidated(node, [from.tenant.id], position)
  proxy.set('pass')
  expect((await reply).status).toBe(401)
})

test('a slow look-up of a session that is revoked meanwhile serves none of its waiting requests', async () => {
  const { proxy, node } = await startReadingThroughProxy()
  const { tenant, user } = await createScene(await node.makeTenant())
  await node.listener.sync()
  const { position } = node.listener.log
  expect((await node.send(tenant.host, { path: '/' })).status).toBe(200)
  proxy.sent.length = 0
  proxy.set('hold')
  const early = Array.from({ length: 10 }, () => ask(node, tenant.host, user))
  await proxy.until((sent) => sent.some((it) => it.includes('"tenantry"."sessions"')))
  await sleep(200)
  await runManually(
    'update tenantry.sessions set revoked_at = now() where tenant_id = $1',
    tenant.id,
  )
  await untilInvalidated(node, [sessionOf(user)], position)
  const late = Array.from({ length: 10 }, () => ask(node, tenant.host, user))
  proxy.set('pass')
  const replies = await Promise.all([...early, ...late])
  expect(new Set(replies.map((it) => it.status))).toEqual(new Set([401]))
})

test.each([
  ['the session', 'update tenantry.sessions set revoked_at = now() where tenant_id = $1', 401],
  ['the role', 'delete from tenantry.member_roles where tenant_id = $1', 403],
  ['the tenant', "update tenantry.tenants set status = 'suspended' where id = $1", 403],
] as const)(
  '%s revoked while a slow body arrives makes the request fail (AUTHZ-6)',
  async (_, sql, status) => {
    const node = await startNode()
    const tenant = await node.makeTenant()
    const user = await tenant.makeUser({ roles: ['admin_tenant'] })
    const body = JSON.stringify({ name: 'late' })
    const sent = request({
      port: node.port,
      method: 'POST',
      path: '/api/projects',
      headers: {
        host: tenant.host,
        authorization: `Bearer ${user.accessToken}`,
        'content-type': 'application/json',
        'content-length': body.length,
      },
    })
    sent.write(body.slice(0, 4))
    await expect.poll(() => node.running.caches.sessions.counts.misses).toBeGreaterThan(0)
    // The invalidation of the new tenant has arrived by now.
    await node.listener.sync()
    const { position } = node.listener.log
    await runManually(sql, tenant.id)
    await untilInvalidated(node, [sessionOf(user), user.id, tenant.id], position)
    sent.end(body.slice(4))
    const [reply] = await once(sent, 'response')
    reply.resume()
    expect(reply.statusCode).toBe(status)
  },
)

test('a write whose tenant is suspended while it waits for a slot is rejected (TEN-8)', async () => {
  const node = await startNode({ TENANT_CONCURRENCY: '1', REQUEST_WAIT_MS: '20000' })
  const tenant = await node.makeTenant()
  const user = await tenant.makeUser({ roles: ['admin_tenant'] })
  const write = (name: string) =>
    tenant.send({ method: 'POST', path: '/api/projects', user, body: { name } })
  const replies = await asAdmin(async (client) => {
    await client.query('begin')
    await client.query('insert into projects (tenant_id, id, name) values ($1, $1, $2)', [
      tenant.id,
      'held',
    ])
    const first = write('held')
    await expect.poll(() => node.running.caches.sessions.counts.misses).toBeGreaterThan(0)
    await sleep(200)
    const second = write('waiting')
    await sleep(200)
    // The invalidation of the new tenant has arrived by now.
    const { position } = node.listener.log
    await runManually("update tenantry.tenants set status = 'suspended' where id = $1", tenant.id)
    await untilInvalidated(node, [tenant.id], position)
    await client.query('rollback')
    return Promise.all([first, second])
  })
  expect(replies.map((it) => it.status)).toEqual([201, 403])
})

/** Revokes a session while the listener fails; the server must reject the user within a second. */
async function revokeWithFailedListener(
  node: TestApp,
  scene: Scene,
  fail: () => void,
): Promise<void> {
  const { tenant, user } = scene
  expect((await ask(node, tenant.host, user)).status).toBe(200)
  fail()
  await runManually(
    'update tenantry.sessions set revoked_at = now() where tenant_id = $1',
    tenant.id,
  )
  const committedAt = performance.now()
  const rejection = await untilRejected(() => ask(node, tenant.host, user), committedAt)
  expect(rejection.status).toBe(401)
}

test.each(['freeze', 'hold', 'refuse'] as const)(
  'with its listener behind a network in mode %s the server fails closed, reports it and recovers (SESS-7)',
  async (fault) => {
    const { proxy, node } = await startListeningThroughProxy()
    const scene = await createScene(await node.makeTenant())
    await revokeWithFailedListener(node, scene, () => proxy.set(fault))
    await expect.poll(() => node.listener.isFresh(), { timeout: 5_000 }).toBe(false)
    const other = await createScene(await node.makeTenant())
    expect((await ask(node, other.tenant.host, other.user)).status).toBe(200)
    const ready = await node.send('localhost', { path: '/health/ready' })
    expect([ready.status, ready.json.invalidation]).toEqual([200, 'stale'])
    proxy.set('pass')
    await expect.poll(() => node.listener.isFresh(), { timeout: 20_000 }).toBe(true)
    expect((await ask(node, scene.tenant.host, scene.user)).status).toBe(401)
  },
)

test.each(['logout', 'refresh'])(
  'a session revoked by /api/auth/%s is rejected here from that reply on, even without the listener (SESS-3)',
  async (action) => {
    const { proxy, node } = await startListeningThroughProxy()
    const { tenant, user } = await createScene(await node.makeTenant())
    const send = (action: string, refresh_token: string) =>
      tenant.send({ method: 'POST', path: `/api/auth/${action}`, body: { refresh_token } })
    // After its successor was used, presenting the token again is theft: the session is revoked.
    const next = await send('refresh', user.refreshToken)
    expect((await send('refresh', next.json.refresh_token)).status).toBe(200)
    expect((await ask(node, tenant.host, user)).status).toBe(200)
    proxy.set('hold')
    expect((await send(action, user.refreshToken)).status).toBe(action === 'logout' ? 204 : 401)
    expect((await ask(node, tenant.host, user)).status).toBe(401)
  },
)

test('a session revoked while the listener reconnects is not served from the cache', async () => {
  const { proxy, node } = await startListeningThroughProxy()
  const scene = await createScene(await node.makeTenant())
  await revokeWithFailedListener(node, scene, () => proxy.cut())
  await expect.poll(() => node.listener.isFresh(), { timeout: 20_000 }).toBe(true)
  expect((await ask(node, scene.tenant.host, scene.user)).status).toBe(401)
})

test('a listener connected to another database never becomes fresh', async () => {
  const { admin } = sharedDatabase()
  await onMigratedDatabase(async (other) => {
    const api = await startTestApp(app, { DB_LISTEN_URL: other.app })
    try {
      const { tenant, user } = await createScene(await api.makeTenant())
      expect(admin).not.toBe(other.admin)
      expect(api.listener.isFresh()).toBe(false)
      expect((await ask(api, tenant.host, user)).status).toBe(200)
      expect(api.running.caches.sessions.size).toBe(0)
      await runManually(
        'update tenantry.sessions set revoked_at = now() where tenant_id = $1',
        tenant.id,
      )
      expect((await ask(api, tenant.host, user)).status).toBe(401)
    } finally {
      await api.close()
    }
  })
})

test('TRUNCATE invalidates the cached sessions', async () => {
  await onMigratedDatabase(async ({ app: DB_URL, identity, platform, admin }) => {
    const api = await startTestApp(app, {
      DB_URL,
      DB_IDENTITY_URL: identity,
      DB_PLATFORM_URL: platform,
      DB_LISTEN_URL: DB_URL,
    })
    try {
      const { tenant, user } = await createScene(await api.makeTenant())
      expect((await ask(api, tenant.host, user)).status).toBe(200)
      const { withClient } = await import('../../src/db/connect/with_client.ts')
      await withClient(admin, (client) => client.query('truncate tenantry.sessions cascade'))
      const committedAt = performance.now()
      const rejection = await untilRejected(() => ask(api, tenant.host, user), committedAt)
      expect(rejection.status).toBe(401)
    } finally {
      await api.close()
    }
  })
})

test('without a listener UNCACHED_LOOKUPS_MAX look-ups run concurrently, and the rest are a 503', async () => {
  const { app: url, identity } = scopeUrls()
  const [reads, listener] = [await startWireProxy(url), await startWireProxy(url)]
  listener.set('refuse')
  const node = await startNode({
    DB_URL: reads.through(url),
    DB_IDENTITY_URL: reads.through(identity),
    DB_LISTEN_URL: listener.through(url),
    UNCACHED_LOOKUPS_MAX: '3',
    REQUEST_WAIT_MS: '20000',
  })
  onTestFinished(async () => {
    reads.set('pass')
    await Promise.all([reads.close(), listener.close()])
  })
  const tenant = await node.makeTenant()
  reads.set('hold')
  const replies = Array.from({ length: 10 }, () => node.send(tenant.host, { path: '/' }))
  await sleep(500)
  reads.set('pass')
  const statuses = (await Promise.all(replies)).map((it) => it.status).sort()
  expect(statuses).toEqual([...Array(3).fill(200), ...Array(7).fill(503)])
})

function sessionOf({ accessToken }: TestUser): string {
  const claims = Buffer.from(accessToken.split('.')[1] ?? '', 'base64url').toString()
  return JSON.parse(claims).sid
}
