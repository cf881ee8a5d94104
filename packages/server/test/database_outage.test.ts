import { randomUUID } from 'node:crypto'
import { expect, onTestFinished, test } from 'vitest'
import { app } from '../../../starter/src/app.ts'
import { startTestApp, type TestReply } from '../src/testing.ts'
import { sharedDatabase } from './databases.ts'
import { startWireProxy } from './wire_proxy.ts'

async function startBehindProxy() {
  const { app: url, identity, platform } = sharedDatabase()
  const proxy = await startWireProxy(url)
  const api = await startTestApp(app, {
    DB_URL: proxy.through(url),
    DB_IDENTITY_URL: proxy.through(identity),
    DB_PLATFORM_URL: proxy.through(platform),
    DB_LISTEN_URL: proxy.through(url),
    DB_WAIT_MS: '1000',
  })
  onTestFinished(async () => {
    proxy.set('pass')
    await api.close()
    await proxy.close()
  })
  const tenant = await api.makeTenant()
  const user = await tenant.makeUser({ roles: ['admin_tenant'] })
  const me = () => tenant.send({ path: '/api/auth/me', user })
  const members = () => tenant.send({ path: '/api/members', user })

  /** One request to each route; gives the replies, and how long the slowest took. */
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
  return { proxy, api, me, members, askAll }
}

const unavailable = { status: 503, headers: { 'retry-after': '1' } }

test.each(['refuse', 'freeze'] as const)(
  'where the network would %s, every route is soon a 503, and comes back by itself',
  async (fault) => {
    const { proxy, api, me, askAll } = await startBehindProxy()
    // Connections of every door are open and idle when it happens.
    await Promise.all([me(), me(), me()])
    proxy.set(fault)
    // What is in memory is good for the second that nothing can have been missed in, and no longer.
    await expect.poll(() => api.feed.isFresh(), { timeout: 5_000 }).toBe(false)
    const { slowest, replies } = await askAll()
    expect(replies.length).toBeGreaterThan(20)
    for (const [route, reply] of replies) {
      expect({ route, ...reply }).toMatchObject({ route, ...unavailable })
      expect(Object.keys(reply.json).sort()).toEqual(problemFields)
    }
    // A second, and room for a busy machine; the longest statement may take twelve.
    expect(slowest).toBeLessThan(6_000)
    const health = ['live', 'ready'].map((it) => api.send('localhost', { path: `/health/${it}` }))
    expect((await Promise.all(health)).map((it) => it.status)).toEqual([200, 503])

    proxy.set('pass')
    await expect.poll(async () => (await me()).status, { timeout: 10_000 }).toBe(200)
    const refusals = async () => {
      const { replies } = await askAll()
      return replies.filter(([, it]) => it.status === 503).length
    }
    await expect.poll(refusals, { timeout: 10_000 }).toBe(0)
  },
)

const problemFields = ['code', 'detail', 'instance', 'status', 'title', 'type']

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
  await expect.poll(() => api.feed.isFresh(), { timeout: 10_000 }).toBe(true)
})
