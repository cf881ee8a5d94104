import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { expect, onTestFinished, test } from 'vitest'
import { createTokens } from '../../src/access/tokens.ts'
import { withClient } from '../../src/db/provisioning/roles.ts'
import { keyRing } from '../../src/lib/keys.ts'
import { startTestApp, type TestApp, type TestReply } from '../../src/testing.ts'
import { app } from '../fixtures/app/app.ts'
import { onMigratedDatabase, sharedDatabase } from '../fixtures/databases.ts'
import { expectProblem } from '../fixtures/problem.ts'
import { startWireProxy, type WireProxy } from '../fixtures/wire_proxy.ts'

// As many as are remembered, and some more.
const FLOOD = 5_500
const ROOM = 5_000

async function startNode(settings: Record<string, string> = {}): Promise<TestApp> {
  const api = await startTestApp(app, settings)
  onTestFinished(api.close)
  return api
}

const strange = () => `${randomUUID()}.app.test`
const many = <T>(count: number, make: () => T) => Array.from({ length: count }, make)

/** Asks for hosts that nobody has, so many at a time; gives the statuses of the replies. */
async function flood(node: TestApp, count: number): Promise<Set<number>> {
  const statuses = new Set<number>()
  for (let left = count; left > 0; left -= 50) {
    const replies = await Promise.all(many(50, () => node.send(strange(), { path: '/' })))
    for (const { status } of replies) statuses.add(status)
  }
  return statuses
}

test('hosts that nobody has take no room from those that somebody has, and not much of their own (DOS-4)', async () => {
  const node = await startNode()
  const tenants = await Promise.all(many(5, () => node.makeTenant()))
  const askAll = async () => {
    const replies = await Promise.all(tenants.map((it) => it.send({ path: '/' })))
    return replies.map((it) => it.status)
  }
  expect(await askAll()).toEqual(Array(5).fill(200))
  const statuses = await flood(node, FLOOD)
  // 503 where other tests make tenants: any of these hosts might be theirs.
  expect([...statuses].filter((it) => it !== 404 && it !== 503)).toEqual([])
  const { tenants: known } = node.running.caches
  expect(known.size).toBe(5)
  expect(known.negativeSize).toBeGreaterThan(ROOM / 2)
  expect(known.negativeSize).toBeLessThanOrEqual(ROOM)
  // From memory, unless a busy machine has just let the feed grow old.
  const roundOfHits = async () => {
    const { hits } = node.running.caches.tenants.counts
    expect(await askAll()).toEqual(Array(5).fill(200))
    return node.running.caches.tenants.counts.hits - hits
  }
  await expect.poll(roundOfHits).toBeGreaterThanOrEqual(5)
})

test('a host that nobody has is asked of the database once, however often it comes (DOS-4)', async () => {
  const node = await startNode()
  const host = strange()
  const askOften = () => Promise.all(many(200, () => node.send(host, { path: '/' })))
  const statements = await node.statementsOf(async () => {
    for (const { status } of [...(await askOften()), ...(await askOften())])
      expect(status).toBe(404)
  })
  // Once, unless some other test makes a tenant meanwhile: it might be this one.
  expect(statements.length).toBeLessThan(50)
})

test('an address that asks for too many is told 429, others and what is remembered are not (DOS-4)', async () => {
  const node = await startNode({ PUBLIC_RATE: '1', TRUST_PROXY: '127.0.0.1' })
  const tenant = await node.makeTenant()
  const from = (address: string) => ({ headers: { 'x-forwarded-for': address } })
  expect((await tenant.send({ path: '/' })).status).toBe(200)
  let refused: TestReply
  do refused = await node.send(strange(), { path: '/', ...from('192.0.2.1') })
  while (refused.status === 404)
  expectProblem(refused, 429)
  expect(refused.headers['ratelimit-policy']).toBe('"unknown-host";q=2;w=2')
  expect((await tenant.send({ path: '/', ...from('192.0.2.1') })).status).toBe(200)
  expect((await node.send(strange(), { path: '/', ...from('192.0.2.2') })).status).toBe(404)
})

test('hosts of tenants cost their address nothing, however many at the first time (DOS-4)', async () => {
  const node = await startNode({ PUBLIC_RATE: '1' })
  const tenants = await Promise.all(many(8, () => node.makeTenant()))
  const replies = await Promise.all(tenants.map((it) => it.send({ path: '/' })))
  // Too many from strangers it may be, and never too many hosts.
  for (const { headers } of replies) {
    expect(headers['ratelimit-policy'] ?? '').not.toContain('unknown-host')
  }
})

/** A node whose look-ups go through a proxy, two of hosts at once. */
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

test('who asks for one host is not behind who asks for many (DOS-4)', async () => {
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
  const flooding = many(60, () => ask(strange(), '192.0.2.1'))
  // All of the flood is in line when the one comes.
  await expect.poll(() => node.running.caches.tenants.counts.misses).toBeGreaterThanOrEqual(60)
  const one = ask(tenant.host, '192.0.2.2')
  await expect.poll(() => node.running.caches.tenants.counts.misses).toBeGreaterThanOrEqual(61)
  expect(proxy.sent.filter(isLookUp).length).toBeLessThanOrEqual(2)
  proxy.set('pass')
  await Promise.all([one, ...flooding])
  expect(order.indexOf('192.0.2.2')).toBeLessThan(20)
})

test('while look-ups of hosts hang, those who sign in find a connection (DOS-4)', async () => {
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
        const hanging = many(10, () => node.send(strange(), { path: '/' }))
        await expect
          .poll(() => node.running.caches.tenants.counts.misses)
          .toBeGreaterThanOrEqual(10)
        // As a sign-in does; its tenant might have to be looked up too, on a busy machine.
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

test('tokens that are nobody’s or over ask the database nothing, and none of them is remembered (DOS-4)', async () => {
  const node = await startNode()
  const tenant = await node.makeTenant()
  const { id: userId } = await tenant.makeUser()
  const ring = keyRing(node.config.SECRET_KEY ?? '', undefined)
  const over = createTokens(ring, { algorithm: 'HS256', accessMinutes: -1 })
  const about = { ...tenant, name: '', limits: { rate: null, concurrency: null } }
  const issuer = `https://${tenant.host}`
  const expired = () =>
    over.issueAccess(
      { ...about, origin: issuer, issuer },
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
  // A host looked up again, where a busy machine let the feed grow old; never a session.
  expect(statements.filter(({ text }) => /sessions/.test(text))).toEqual([])
  expect(node.running.caches.tokens.size).toBe(size)
})
