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

// Every connection would do for all; one tenant may have two at once, and four in its queue.
const settings = {
  DB_POOL_MAX: '4',
  TENANT_CONCURRENCY: '2',
  TENANT_QUEUE: '4',
  REQUEST_WAIT_MS: '9000',
}

/** An app with a route whose work ends when the test says so. */
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

async function inhabited({ api }: Slow) {
  const tenant = await api.makeTenant()
  return { tenant, user: await tenant.makeUser({ roles: ['admin_tenant'] }) }
}

type Inhabited = Awaited<ReturnType<typeof inhabited>>

const path = '/api/slow'
const ask = ({ tenant, user }: Inhabited) => tenant.send({ path, user })
const many = <T>(count: number, make: (at: number) => T) =>
  Array.from({ length: count }, (_, at) => make(at))
const until = (read: () => number | Promise<number>, wanted: number) =>
  expect.poll(read, { timeout: 20_000, interval: 10 }).toBe(wanted)

/** Counts the answers as they come. */
function collect(replies: Promise<TestReply>[]) {
  const statuses: number[] = []
  for (const reply of replies)
    void reply.then(
      (it) => statuses.push(it.status),
      () => statuses.push(0),
    )
  return (status: number) => statuses.filter((it) => it === status).length
}

/** Two more requests get to work at once: whatever happened before has given its places back. */
async function expectAllPlacesFree(slow: Slow, by: Inhabited) {
  const before = slow.started()
  const replies = collect(many(2, () => ask(by)))
  await until(slow.started, before + 2)
  slow.endAll()
  await until(() => replies(200), 2)
}

const openSockets = (
  slow: Slow,
  { tenant, user }: Inhabited,
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

test('a tenant that sends ten times its share is refused the rest, and others are served (DOS-4)', async () => {
  const slow = await startSlow()
  const [a, b] = [await inhabited(slow), await inhabited(slow)]
  const flood = collect(many(60, () => ask(a)))
  // Two at work, four in line.
  await until(() => flood(503), 54)
  await until(slow.started, 2)
  const refused = await ask(a)
  expectProblem(refused, 503)
  expect([refused.json.code, refused.headers['retry-after']]).toEqual(['tenant.busy', '1'])

  const reads = ['/api/projects', '/api/members', '/api/auth/me', '/api/tenant/tenant-data']
  for (const path of [...reads, ...reads]) {
    expect((await b.tenant.send({ path, user: b.user })).status).toBe(200)
  }
  expect(slow.started()).toBe(2)
  await Promise.all([until(() => flood(200), 6), endAsTheyStart(slow, 6)])
  await expectAllPlacesFree(slow, a)
})

async function endAsTheyStart(slow: Slow, count: number) {
  for (let ended = 0; ended < count; ) {
    ended += slow.held.length
    slow.endAll()
    await setTimeout(5)
  }
}

test('places are given out in turn: who asks for one is not behind who asks for many (DOS-4)', async () => {
  const slow = await startSlow({ DB_POOL_MAX: '1', TENANT_CONCURRENCY: '1', TENANT_QUEUE: '50' })
  const [a, b] = [await inhabited(slow), await inhabited(slow)]
  // Known to the server: the order is that of the line, and not that of look-ups.
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
  // B's place in line depends on when its request came; A may have had one or two turns more.
  expect(order.indexOf(b.tenant.subdomain)).toBeLessThan(5)
})

test('who leaves while waiting leaves the line, who leaves at work holds a place until it ends (DOS-4)', async () => {
  const slow = await startSlow()
  const a = await inhabited(slow)
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
  await expectAllPlacesFree(slow, a)
})

test('a request gives its place back however it ends (DOS-4)', async () => {
  const slow = await startSlow()
  const { api } = slow
  const a = await inhabited(slow)
  const stranger = await a.tenant.makeUser()
  const ends: [number, TestRequest & { user?: TestUser }][] = [
    [401, { path, headers: { authorization: 'Bearer nonsense' } }],
    [401, { path: '/api/auth/refresh', method: 'POST', body: { refresh_token: 'nonsense' } }],
    [403, { path: '/api/roles', user: stranger }],
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
  await expectAllPlacesFree(slow, a)
  const signIn = { method: 'POST', path: '/api/auth/login', body: credentialsOf(a.user) }
  expect((await api.send(a.tenant.host, signIn)).status).toBe(200)
})

const credentialsOf = ({ email, password }: TestUser) => ({ email, password })

test('bodies that do not come hold no place (DOS-4)', async () => {
  const slow = await startSlow({ TENANT_QUEUE: '100' })
  const a = await inhabited(slow)
  const type = 'Content-Type: application/json'
  openSockets(slow, a, 20, 'POST', type, 'Content-Length: 100')
  await expectAllPlacesFree(slow, a)
  await expectAllPlacesFree(slow, a)
})

test('who signs in waits in another line than who has signed in, and one tenant in its own (DOS-4)', async () => {
  const slow = await startSlow()
  const [a, b] = [await inhabited(slow), await inhabited(slow)]
  const storm = collect(many(20, () => a.tenant.send({ path: '/api/slow-public' })))
  await until(() => storm(503), 14)
  expect((await a.tenant.send({ path: '/api/auth/me', user: a.user })).status).toBe(200)
  const signIn = { method: 'POST', path: '/api/auth/login', body: credentialsOf(b.user) }
  expect((await b.tenant.send(signIn)).status).toBe(200)
  expectProblem(await a.tenant.send({ ...signIn, body: credentialsOf(a.user) }), 503)
  await endAsTheyStart(slow, 6)
})

test("a tenant past its rate is told 429 and when to come back, others are not; an operator's word counts (DOS-4)", async () => {
  const { api } = await startSlow({ TENANT_RATE: '1' })
  const [a, b] = [await api.makeTenant(), await api.makeTenant()]
  const refused = await sendUntil429(() => a.send({ path: '/' }))
  expectProblem(refused, 429)
  expect(refused.headers).toMatchObject({
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
    const refused = replies.find((it) => it.status === 429)
    if (refused !== undefined) return refused
  }
}

test("a tenant's own concurrency counts, and RATE_LIMIT=off switches every limit off (DOS-4)", async () => {
  const [strict, free] = [
    await startSlow(),
    await startSlow({ RATE_LIMIT: 'off', TENANT_RATE: '1' }),
  ]
  const a = await inhabited(strict)
  const limits = { concurrency: 1 }
  await strict.api.database.acrossTenants('test', (db) =>
    limitTenant(db, a.tenant.subdomain, limits),
  )
  await strict.api.listener.sync()
  const flood = collect(many(20, () => ask(a)))
  await until(() => flood(503), 15)
  await until(strict.started, 1)
  await endAsTheyStart(strict, 5)

  const b = await inhabited(free)
  const all = collect(many(20, () => ask(b)))
  await until(free.started, 20)
  free.endAll()
  await until(() => all(200), 20)
})

test('one address refreshes only so often; others do, and who has signed in goes on (DOS-4)', async () => {
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
  const refused = await sendUntil429(() => refreshFrom('2001:db8::1'))
  expectProblem(refused, 429)
  expect(refused.headers['ratelimit-policy']).toBe('"public-address";q=2;w=2')
  // Another host of the same network is the same client.
  await sendUntil429(() => refreshFrom('2001:db8::2'))
  expect((await refreshFrom('2001:db8:1::1')).status).toBe(200)
  const headers = { 'x-forwarded-for': '2001:db8::1' }
  for (let time = 0; time < 9; time++) {
    expect((await tenant.send({ path: '/api/auth/me', user, headers })).status).toBe(200)
  }
})
