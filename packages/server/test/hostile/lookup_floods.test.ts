import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { expect, onTestFinished, test } from 'vitest'
import { INSTALLATION_REALM } from '../../src/access/realm.ts'
import { createTokens } from '../../src/access/tokens.ts'
import { withClient } from '../../src/db/connect/with_client.ts'
import { keyRing } from '../../src/lib/keys.ts'
import { startTestApp, type TestApp, type TestReply } from '../../src/testing.ts'
import { app } from '../fixtures/app/app.ts'
import { onMigratedDatabase, sharedDatabase } from '../fixtures/databases.ts'
import { expectProblem } from '../fixtures/problem.ts'
import { startWireProxy, type WireProxy } from '../fixtures/wire_proxy.ts'

// The size of the cache of unknown hosts, and a flood that exceeds it.
const CACHE_SIZE = 5_000
const FLOOD = 5_500

async function startNode(settings: Record<string, string> = {}): Promise<TestApp> {
  const api = await startTestApp(app, settings)
  onTestFinished(api.close)
  return api
}

const unknownHost = () => `${randomUUID()}.app.test`
const many = <T>(count: number, make: () => T) => Array.from({ length: count }, make)

/** Requests unknown hosts, fifty at a time. Returns the statuses of the replies. */
async function flood(node: TestApp, count: number): Promise<Set<number>> {
  const statuses = new Set<number>()
  for (let left = count; left > 0; left -= 50) {
    const replies = await Promise.all(many(50, () => node.send(unknownHost(), { path: '/' })))
    for (const { status } of replies) statuses.add(status)
  }
  return statuses
}

test("unknown hosts evict no tenant's host from the cache, and their own cache is bounded (DOS-4)", async () => {
  const node = await startNode()
  const tenants = await Promise.all(many(5, () => node.makeTenant()))
  const askAll = async () => {
    const replies = await Promise.all(tenants.map((it) => it.send({ path: '/' })))
    return replies.map((it) => it.status)
  }
  expect(await askAll()).toEqual(Array(5).fill(200))
  const statuses = await flood(node, FLOOD)
  // 503 while other tests create tenants: a new tenant clears the cache of unknown hosts.
  expect([...statuses].filter((it) => it !== 404 && it !== 503)).toEqual([])
  const { tenants: known } = node.running.caches
  expect(known.size).toBe(5)
  expect(known.negativeSize).toBeGreaterThan(CACHE_SIZE / 2)
  expect(known.negativeSize).toBeLessThanOrEqual(CACHE_SIZE)
  // From the cache, unless the listener has just become stale on a busy machine.
  const roundOfHits = async () => {
    const { hits } = node.running.caches.tenants.counts
    expect(await askAll()).toEqual(Array(5).fill(200))
    return node.running.caches.tenants.counts.hits - hits
  }
  await expect.poll(roundOfHits).toBeGreaterThanOrEqual(5)
})

test('an unknown host is looked up in the database once (DOS-4)', async () => {
  const node = await startNode()
  const host = unknownHost()
  const askOften = () => Promise.all(many(200, () => node.send(host, { path: '/' })))
  const statements = await node.statementsOf(async () => {
    for (const { status } of [...(await askOften()), ...(await askOften())])
      expect(status).toBe(404)
  })
  // Once, unless other tests create tenants meanwhile: each clears the cache of unknown hosts.
  expect(statements.length).toBeLessThan(50)
})

test('an address that requests too many unknown hosts gets a 429; other addresses and cached hosts do not (DOS-4)', async () => {
  const node = await startNode({ PUBLIC_RATE: '1', TRUST_PROXY: '127.0.0.1' })
  const tenant = await node.makeTenant()
  const from = (address: string) => ({ headers: { 'x-forwarded-for': address } })
  expect((await tenant.send({ path: '/' })).status).toBe(200)
  let rejected: TestReply
  do rejected = await node.send(unknownHost(), { path: '/', ...from('192.0.2.1') })
  while (rejected.status === 404)
  expectProblem(rejected, 429)
  expect(rejected.headers['ratelimit-policy']).toBe('"unknown-host";q=2;w=2')
  expect((await tenant.send({ path: '/', ...from('192.0.2.1') })).status).toBe(200)
  expect((await node.send(unknownHost(), { path: '/', ...from('192.0.2.2') })).status).toBe(404)
})

test("look-ups of tenants' hosts do not count against their address (DOS-4)", async () => {
  const node = await startNode({ PUBLIC_RATE: '1' })
  const tenants = await Promise.all(many(8, () => node.makeTenant()))
  const replies = await Promise.all(tenants.map((it) => it.send({ path: '/' })))
  // The anonymous rate may reject some, the limit of unknown hosts none.
  for (const { headers } of replies) {
    expect(headers['ratelimit-policy'] ?? '').not.toContain('unknown-host')
  }
})

/** Starts a server whose look-ups go through a proxy, at most two hosts at a time. */
async function startBehindProxy(): Promise<{ node: TestApp; proxy: WireProxy }> {
  const { app: url, identity } = sharedDatabase()
  const proxy = await startWireProxy(url)
  const node = await startNode({
    DB_IDENTITY_URL: proxy.through(identity),
    DB_IDENTITY_POOL_MAX: '3',
    REQUEST_WAIT_MS: '20000',
    TRUST_PROXY: '127.0.0.1',
  })
  onTestFinished(async () => {
    proxy.set('pass')
    await proxy.close()
  })
  return { node, proxy }
}

test('a client that requests one host does not queue behind a client that requests many (DOS-4)', async () => {
  const { node, proxy } = await startBehindProxy()
  const tenant = await node.makeTenant()
  const order: string[] = []
  const ask = async (host: string, address: string) => {
    await node.send(host, { path: '/', headers: { 'x-forwarded-for': address } })
    order.push(address)
  }
  const isLookUp = (it: string) => it.includes('"tenantry"."tenants"')
  proxy.sent.length = 0
  proxy.set('hold')
  const flooding = many(60, () => ask(unknownHost(), '192.0.2.1'))
  // The whole flood is queued when the one arrives.
  await expect.poll(() => node.running.caches.tenants.counts.misses).toBeGreaterThanOrEqual(60)
  const one = ask(tenant.host, '192.0.2.2')
  await expect.poll(() => node.running.caches.tenants.counts.misses).toBeGreaterThanOrEqual(61)
  expect(proxy.sent.filter(isLookUp).length).toBeLessThanOrEqual(2)
  proxy.set('pass')
  await Promise.all([one, ...flooding])
  expect(order.indexOf('192.0.2.2')).toBeLessThan(20)
})

test('a sign-in gets a connection while look-ups of hosts hang (DOS-4)', async () => {
  await onMigratedDatabase(async ({ app: DB_URL, identity, platform, owner }) => {
    const node = await startTestApp(app, {
      DB_URL,
      DB_IDENTITY_URL: identity,
      DB_PLATFORM_URL: platform,
      DB_LISTEN_URL: DB_URL,
      DB_IDENTITY_POOL_MAX: '2',
      REQUEST_WAIT_MS: '2500',
    })
    try {
      await withClient(owner, async (client) => {
        await client.query('begin; lock table tenantry.domains in access exclusive mode')
        const hanging = many(10, () => node.send(unknownHost(), { path: '/' }))
        await expect
          .poll(() => node.running.caches.tenants.counts.misses)
          .toBeGreaterThanOrEqual(10)
        // What a sign-in does. A real one might have to look up its tenant too, on a busy machine.
        const { rows } = await node.database.asIdentity({ deadline: 'background' }, (db) =>
          sql`select 1 as n`.execute(db),
        )
        await client.query('rollback')
        expect(rows).toEqual([{ n: 1 }])
        await Promise.all(hanging)
      })
    } finally {
      await node.close()
    }
  })
})

test('forged and expired tokens cause no query, and are not cached (DOS-4)', async () => {
  const node = await startNode()
  const tenant = await node.makeTenant()
  const { id: userId } = await tenant.makeUser()
  const ring = keyRing(node.config.SECRET_KEY ?? '', undefined)
  const expiredTokens = createTokens(ring, { algorithm: 'HS256', accessMinutes: -1 })
  const about = {
    ...tenant,
    name: '',
    realm: INSTALLATION_REALM,
    limits: { rate: null, concurrency: null },
    branding: {},
  }
  const issuer = `https://${tenant.host}`
  const expired = () =>
    expiredTokens.issueAccess(
      { ...about, origin: issuer, home: issuer, issuer },
      { userId, sessionId: randomUUID(), roles: [], jti: randomUUID() },
    )
  const forged = () => expired().replace(/[^.]+$/, randomUUID().replaceAll('-', ''))
  const random = () => randomUUID()
  const ask = async (make: () => string) => {
    const headers = { authorization: `Bearer ${make()}` }
    return (await tenant.send({ path: '/api/projects', headers })).status
  }
  expect(await ask(random)).toBe(401)
  const { size } = node.running.caches.tokens
  const statements = await node.statementsOf(async () => {
    for (let round = 0; round < 20; round++) {
      const asked = [expired, forged, random].flatMap((make) => many(10, () => ask(make)))
      expect(new Set(await Promise.all(asked))).toEqual(new Set([401]))
    }
  })
  // The host may be looked up again, when the listener becomes stale on a busy machine; never a session.
  expect(statements.filter(({ text }) => /sessions/.test(text))).toEqual([])
  expect(node.running.caches.tokens.size).toBe(size)
})
