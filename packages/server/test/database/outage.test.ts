import { randomUUID } from 'node:crypto'
import { expect, onTestFinished, test } from 'vitest'
import { startTestApp, type TestReply } from '../../src/testing.ts'
import { app } from '../fixtures/app/app.ts'
import { scopeUrls, sharedDatabase } from '../fixtures/databases.ts'
import { startWireProxy, type WireProxy } from '../fixtures/wire_proxy.ts'

/** Starts a server whose requests and listener reach the database through proxies that can fail. */
async function startBehindProxy(settings: Record<string, string> = {}) {
  const { app: url, identity, platform } = scopeUrls()
  const proxy = await startWireProxy(url)
  const { app: listen } = sharedDatabase()
  const listener = await startWireProxy(listen)
  const set = (mode: Parameters<WireProxy['set']>[0]) => {
    proxy.set(mode)
    listener.set(mode)
  }
  const api = await startTestApp(app, {
    DB_URL: proxy.through(url),
    DB_IDENTITY_URL: proxy.through(identity),
    DB_PLATFORM_URL: proxy.through(platform),
    DB_LISTEN_URL: listener.through(listen),
    REQUEST_WAIT_MS: '1000',
    ...settings,
  })
  onTestFinished(async () => {
    set('pass')
    await api.close()
    await Promise.all([proxy.close(), listener.close()])
  })
  const tenant = await api.makeTenant()
  const user = await tenant.makeUser({ roles: ['admin_tenant'] })
  const me = () => tenant.send({ path: '/api/auth/me', user })
  const members = () => tenant.send({ path: '/api/members', user })

  /** Sends one request to each route. Returns the replies, and how long the slowest took. */
  async function askAll(): Promise<{ slowest: number; replies: [string, TestReply][] }> {
    const startedAt = performance.now()
    const replies = await Promise.all(
      api.running.routes.map(async ({ method, path }): Promise<[string, TestReply]> => {
        const concrete = path.replaceAll(/:\w+/g, randomUUID())
        return [`${method} ${path}`, await tenant.send({ method, path: concrete, user })]
      }),
    )
    return { slowest: performance.now() - startedAt, replies }
  }
  return { proxy, set, api, tenant, user, me, members, askAll }
}

const unavailable = { status: 503, headers: { 'retry-after': '1' } }

test.each(['refuse', 'freeze'] as const)(
  'with a network in mode %s every route is soon a 503, and recovers by itself',
  async (fault) => {
    const { set, api, me, askAll } = await startBehindProxy()
    // Every pool has open idle connections when the network fails.
    await Promise.all([me(), me(), me()])
    set(fault)
    // Cached entries are valid for one second without a heartbeat, and no longer.
    await expect.poll(() => api.listener.isFresh(), { timeout: 5_000 }).toBe(false)
    const { slowest, replies } = await askAll()
    expect(replies.length).toBeGreaterThan(20)
    for (const [route, reply] of replies) {
      expect({ route, ...reply }).toMatchObject({ route, ...unavailable })
      expect(Object.keys(reply.json).sort()).toEqual(problemFields)
    }
    // REQUEST_WAIT_MS, with a margin for a busy machine; a statement alone may take 12 s.
    expect(slowest).toBeLessThan(6_000)
    const health = ['live', 'ready'].map((it) => api.send('localhost', { path: `/health/${it}` }))
    expect((await Promise.all(health)).map((it) => it.status)).toEqual([200, 503])

    set('pass')
    await expect.poll(async () => (await me()).status, { timeout: 10_000 }).toBe(200)
    const rejections = async () => {
      const { replies } = await askAll()
      return replies.filter(([, it]) => it.status === 503).length
    }
    await expect.poll(rejections, { timeout: 10_000 }).toBe(0)
  },
)

const problemFields = ['code', 'detail', 'instance', 'status', 'title', 'type']

test('in a freeze the wait for a slot counts towards REQUEST_WAIT_MS, for every kind of request (POOL-4)', async () => {
  const one = { DB_POOL_MAX: '1', DB_IDENTITY_POOL_MAX: '1', TENANT_CONCURRENCY: '1' }
  const behind = await startBehindProxy({ ...one, REQUEST_WAIT_MS: '4000' })
  const { set, api, tenant, user, me, members } = behind
  const [uncached, elsewhere] = [await tenant.makeUser(), await api.makeTenant()]
  const post = (path: string, body: unknown) => () => tenant.send({ method: 'POST', path, body })
  const { email, password, refreshToken } = user
  const kinds = {
    'a cached session, a read': members,
    'a cached session, a write': () =>
      tenant.send({ method: 'POST', path: '/api/projects', body: { name: 'n' }, user }),
    'a session that is not cached': () => tenant.send({ path: '/api/members', user: uncached }),
    'a host that is not cached': () => elsewhere.send({ path: '/api/members' }),
    'a sign-in': post('/api/auth/login', { email, password }),
    'a refresh': post('/api/auth/refresh', { refresh_token: refreshToken }),
  }
  expect([(await me()).status, (await members()).status]).toEqual([200, 200])
  set('freeze')
  const frozenAt = performance.now()
  // They share the one slot there is, each class in its own queue.
  const asked = Object.entries(kinds).flatMap(([kind, ask]) =>
    Array.from({ length: 3 }, async () => ({ kind, ...(await ask()) })),
  )
  for (const reply of await Promise.all(asked)) expect(reply).toMatchObject(unavailable)
  // REQUEST_WAIT_MS once, with a margin for a busy machine: a slot and then a connection would be two waits.
  expect(performance.now() - frozenAt).toBeLessThan(7_000)

  set('pass')
  for (const ask of Object.values(kinds)) {
    await expect.poll(async () => (await ask()).status, { timeout: 20_000 }).not.toBe(503)
  }
})

test('a request in flight when the connection breaks is a 503, and the next one is served', async () => {
  const { proxy, api, members } = await startBehindProxy()
  await members()
  proxy.sent.length = 0
  proxy.set('hold')
  const reply = members()
  await proxy.until((sent) => sent.some((it) => it.includes('"tenantry"."members"')))
  proxy.cut()
  proxy.set('pass')
  expect(await reply).toMatchObject(unavailable)
  await expect.poll(async () => (await members()).status, { timeout: 10_000 }).toBe(200)
  await expect.poll(() => api.listener.isFresh(), { timeout: 10_000 }).toBe(true)
})
