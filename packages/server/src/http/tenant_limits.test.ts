import { connect } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { app } from '../../test/fixtures/app/app.ts'
import { get, post } from '../../test/fixtures/app/policy.ts'
import { expectProblem } from '../../test/fixtures/problem.ts'
import { rawRequest } from '../../test/hostile/raw_socket.ts'
import { defineApp } from '../app/define_app.ts'
import { limitTenant } from '../modules/tenants/tenants.ts'
import type { TestRequest } from '../testing/http_client.ts'
import { startTestApp, type TestReply, type TestUser } from '../testing.ts'

// Four connections. One tenant may use two at a time, and have four requests in its queue.
const settings = {
  DB_POOL_MAX: '4',
  TENANT_CONCURRENCY: '2',
  TENANT_QUEUE: '4',
  REQUEST_WAIT_MS: '9000',
}

/** An app with a route whose work ends when the test ends it. */
async function startSlow(overrides: Record<string, string> = {}) {
  const held: { subdomain: string; end: () => void; fail: () => void }[] = []
  let started = 0
  const shared = {
    access: 'member',
    summary: 'Slow',
    reply: z.object({}),
    handle: async (ctx: { tenant: { subdomain: string } }) => {
      started++
      await new Promise<void>((resolve, reject) => {
        const fail = () => reject(new Error('the work failed'))
        held.push({ subdomain: ctx.tenant.subdomain, end: resolve, fail })
      })
      return {}
    },
  } as const
  const open = { ...shared, access: 'public' } as const
  const routes = [
    get('/api/slow', shared),
    get('/api/slow-public', open),
    post('/api/slow', { ...shared, audit: 'slow.done' }),
  ]
  const slow = defineApp({ ...app, routes: [...app.routes, ...routes] })
  const api = await startTestApp(slow, { ...settings, ...overrides })
  const endAll = () => {
    for (const it of held.splice(0)) it.end()
  }
  onTestFinished(() => {
    endAll()
    return api.close()
  })
  return { api, held, endAll, started: () => started }
}

type Slow = Awaited<ReturnType<typeof startSlow>>

async function tenantOf({ api }: Slow) {
  const tenant = await api.makeTenant()
  return { tenant, user: await tenant.makeUser({ roles: ['admin_tenant'] }) }
}

type TenantWithUser = Awaited<ReturnType<typeof tenantOf>>

const path = '/api/slow'
const ask = ({ tenant, user }: TenantWithUser) => tenant.send({ path, user })
const many = <T>(count: number, make: (at: number) => T) =>
  Array.from({ length: count }, (_, at) => make(at))
const until = (read: () => number | Promise<number>, wanted: number) =>
  expect.poll(read, { timeout: 20_000, interval: 10 }).toBe(wanted)

/** Counts the replies by status as they arrive. */
function collect(replies: Promise<TestReply>[]) {
  const statuses: number[] = []
  for (const reply of replies)
    void reply.then(
      (it) => statuses.push(it.status),
      () => statuses.push(0),
    )
  return (status: number) => statuses.filter((it) => it === status).length
}

/** Both slots of the tenant are free: two more requests run immediately. */
async function expectAllSlotsFree(slow: Slow, by: TenantWithUser) {
  const before = slow.started()
  const replies = collect(many(2, () => ask(by)))
  await until(slow.started, before + 2)
  slow.endAll()
  await until(() => replies(200), 2)
}

const openSockets = (
  slow: Slow,
  { tenant, user }: TenantWithUser,
  count: number,
  method: string,
  ...more: string[]
) =>
  many(count, () => {
    const headers = [`Host: ${tenant.host}`, `Authorization: Bearer ${user.accessToken}`, ...more]
    const socket = connect(slow.api.port, '127.0.0.1')
    socket.on('error', () => {})
    socket.write(rawRequest(`${method} ${path} HTTP/1.1`, ...headers))
    onTestFinished(() => {
      socket.destroy()
    })
    return socket
  })

const logged = (slow: Slow) =>
  slow.api.logLines.filter((it) => it.includes(`"route":"${path}"`)).length

const connections = ({ api }: Slow) =>
  promisify(api.running.server.server.getConnections.bind(api.running.server.server))()

test("requests beyond a tenant's share are rejected, and other tenants are served (DOS-4)", async () => {
  const slow = await startSlow()
  const [a, b] = [await tenantOf(slow), await tenantOf(slow)]
  const flood = collect(many(60, () => ask(a)))
  // Two running, four queued.
  await until(() => flood(503), 54)
  await until(slow.started, 2)
  const rejected = await ask(a)
  expectProblem(rejected, 503)
  expect([rejected.json.code, rejected.headers['retry-after']]).toEqual(['tenant.busy', '1'])

  const reads = ['/api/projects', '/api/members', '/api/auth/me', '/api/tenant/tenant-data']
  for (const path of [...reads, ...reads]) {
    expect((await b.tenant.send({ path, user: b.user })).status).toBe(200)
  }
  expect(slow.started()).toBe(2)
  await Promise.all([until(() => flood(200), 6), endAsTheyStart(slow, 6)])
  await expectAllSlotsFree(slow, a)
})

async function endAsTheyStart(slow: Slow, count: number) {
  for (let ended = 0; ended < count; ) {
    ended += slow.held.length
    slow.endAll()
    await setTimeout(5)
  }
}

test('tenants get slots in turn: one request is not queued behind the many of another tenant (DOS-4)', async () => {
  const slow = await startSlow({ DB_POOL_MAX: '1', TENANT_CONCURRENCY: '1', TENANT_QUEUE: '50' })
  const [a, b] = [await tenantOf(slow), await tenantOf(slow)]
  // Caches both sessions: the order must be that of the queue, not of the look-ups.
  await Promise.all([a, b].map(({ tenant, user }) => tenant.send({ path: '/api/auth/me', user })))
  let arrived = 0
  slow.api.running.server.server.on('request', () => arrived++)
  const flood = many(20, () => ask(a))
  await until(() => arrived, 20)
  const one = ask(b)
  await until(() => arrived, 21)
  const order: string[] = []
  for (let left = 21; left > 0; left--) {
    await until(() => slow.held.length, 1)
    order.push(slow.held[0]?.subdomain ?? '')
    slow.endAll()
  }
  expect((await Promise.all([...flood, one])).map((it) => it.status)).toEqual(Array(21).fill(200))
  // A may get one or two more slots before the request of B has reached the queue.
  expect(order.indexOf(b.tenant.subdomain)).toBeLessThan(5)
})

test('a client that disconnects leaves the queue, or keeps its slot until its work ends (DOS-4)', async () => {
  const slow = await startSlow()
  const a = await tenantOf(slow)
  const working = openSockets(slow, a, 2, 'GET')
  await until(slow.started, 2)
  const before = await connections(slow)
  const waiting = openSockets(slow, a, 40, 'GET')
  await until(() => logged(slow), 36)
  for (const socket of waiting) socket.destroy()
  await until(() => connections(slow), before)
  for (const socket of working) socket.destroy()
  await until(() => connections(slow), before - 2)
  const next = collect(many(4, () => ask(a)))
  await setTimeout(50)
  expect(slow.started()).toBe(2)
  slow.endAll()
  await endAsTheyStart(slow, 4)
  await until(() => next(200), 4)
  await expectAllSlotsFree(slow, a)
})

test('a request frees its slot however it ends (DOS-4)', async () => {
  const slow = await startSlow()
  const { api } = slow
  const a = await tenantOf(slow)
  const withoutRoles = await a.tenant.makeUser()
  const ends: [number, TestRequest & { user?: TestUser }][] = [
    [401, { path, headers: { authorization: 'Bearer nonsense' } }],
    [401, { path: '/api/auth/refresh', method: 'POST', body: { refresh_token: 'nonsense' } }],
    [403, { path: '/api/roles', user: withoutRoles }],
    [404, { path: '/api/projects/0198c0de-0000-7000-8000-000000000000', user: a.user }],
    [422, { path: '/api/projects', method: 'POST', body: {}, user: a.user }],
  ]
  for (const [status, request] of ends) {
    for (let time = 0; time < 5; time++) expect((await a.tenant.send(request)).status).toBe(status)
  }
  for (let time = 0; time < 3; time++) {
    const failing = many(2, () => ask(a))
    await until(() => slow.held.length, 2)
    for (const it of slow.held.splice(0)) it.fail()
    expect((await Promise.all(failing)).map((it) => it.status)).toEqual([500, 500])
  }
  await expectAllSlotsFree(slow, a)
  const signIn = { method: 'POST', path: '/api/auth/login', body: credentialsOf(a.user) }
  expect((await api.send(a.tenant.host, signIn)).status).toBe(200)
})

const credentialsOf = ({ email, password }: TestUser) => ({ email, password })

test('a request whose body does not arrive holds no slot (DOS-4)', async () => {
  const slow = await startSlow({ TENANT_QUEUE: '100' })
  const a = await tenantOf(slow)
  const type = 'Content-Type: application/json'
  openSockets(slow, a, 20, 'POST', type, 'Content-Length: 100')
  await expectAllSlotsFree(slow, a)
  await expectAllSlotsFree(slow, a)
})

test('sign-ins and authenticated requests have separate queues, and so have tenants (DOS-4)', async () => {
  const slow = await startSlow()
  const [a, b] = [await tenantOf(slow), await tenantOf(slow)]
  const storm = collect(many(20, () => a.tenant.send({ path: '/api/slow-public' })))
  await until(() => storm(503), 14)
  expect((await a.tenant.send({ path: '/api/auth/me', user: a.user })).status).toBe(200)
  const signIn = { method: 'POST', path: '/api/auth/login', body: credentialsOf(b.user) }
  expect((await b.tenant.send(signIn)).status).toBe(200)
  expectProblem(await a.tenant.send({ ...signIn, body: credentialsOf(a.user) }), 503)
  await endAsTheyStart(slow, 6)
})

test('a tenant beyond its rate gets 429 with retry-after; its own limit takes precedence (DOS-4)', async () => {
  const { api } = await startSlow({ TENANT_RATE: '1' })
  const [a, b] = [await api.makeTenant(), await api.makeTenant()]
  const rejected = await sendUntil429(() => a.send({ path: '/' }))
  expectProblem(rejected, 429)
  expect(rejected.headers).toMatchObject({
    'retry-after': expect.stringMatching(/^[12]$/),
    ratelimit: expect.stringMatching(/^"tenant";r=0;t=[12]$/),
    'ratelimit-policy': '"tenant";q=2;w=2',
  })
  expect((await b.send({ path: '/' })).status).toBe(200)

  const limits = { rate: 100_000, concurrency: 1 }
  await api.database.acrossTenants('test', (db) => limitTenant(db, a.subdomain, limits))
  await api.listener.sync()
  for (let time = 0; time < 10; time++) expect((await a.send({ path: '/' })).status).toBe(200)
})

async function sendUntil429(send: () => Promise<TestReply>): Promise<TestReply> {
  for (;;) {
    const replies = await Promise.all(many(4, send))
    const rejected = replies.find((it) => it.status === 429)
    if (rejected !== undefined) return rejected
  }
}

test("a tenant's own concurrency takes precedence, and RATE_LIMIT=off disables every limit (DOS-4)", async () => {
  const [strict, free] = [
    await startSlow(),
    await startSlow({ RATE_LIMIT: 'off', TENANT_RATE: '1' }),
  ]
  const a = await tenantOf(strict)
  const limits = { concurrency: 1 }
  await strict.api.database.acrossTenants('test', (db) =>
    limitTenant(db, a.tenant.subdomain, limits),
  )
  await strict.api.listener.sync()
  const flood = collect(many(20, () => ask(a)))
  await until(() => flood(503), 15)
  await until(strict.started, 1)
  await endAsTheyStart(strict, 5)

  const b = await tenantOf(free)
  const all = collect(many(20, () => ask(b)))
  await until(free.started, 20)
  free.endAll()
  await until(() => all(200), 20)
})

test('refreshes are limited per address; authenticated requests from it are not affected (DOS-4)', async () => {
  const { api } = await startSlow({ PUBLIC_RATE: '1', TRUST_PROXY: '127.0.0.1' })
  const tenant = await api.makeTenant()
  const user = await tenant.makeUser()
  const refreshFrom = (address: string) =>
    tenant.send({
      method: 'POST',
      path: '/api/auth/refresh',
      body: { refresh_token: user.refreshToken },
      headers: { 'x-forwarded-for': address },
    })
  const rejected = await sendUntil429(() => refreshFrom('2001:db8::1'))
  expectProblem(rejected, 429)
  expect(rejected.headers['ratelimit-policy']).toBe('"public-address";q=2;w=2')
  // Another host of the same /64 counts as the same client.
  await sendUntil429(() => refreshFrom('2001:db8::2'))
  expect((await refreshFrom('2001:db8:1::1')).status).toBe(200)
  const headers = { 'x-forwarded-for': '2001:db8::1' }
  for (let time = 0; time < 9; time++) {
    expect((await tenant.send({ path: '/api/auth/me', user, headers })).status).toBe(200)
  }
})
