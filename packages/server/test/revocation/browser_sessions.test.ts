import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { TestTenant } from '../../src/testing.ts'
import { browserAt, cookieOf, signIn } from '../fixtures/browser.ts'
import { untilRejected } from './scene.ts'
import { startTwoServers, type TwoServers } from './two_servers.ts'

// Two servers in production mode behind a proxy that terminates TLS.
let servers: TwoServers
beforeAll(async () => {
  const settings = { TRUST_PROXY: '127.0.0.1', BASE_DOMAINS: 'app.test,localhost' }
  servers = await startTwoServers(settings)
}, 120_000)
afterAll(() => servers.stop(), 60_000)

const ME = { path: '/api/auth/me' }

const serverAt = (tenant: TestTenant, at: number) => ({
  send: (host: string, request: Parameters<TwoServers['ask']>[2]) =>
    servers.ask(tenant, at, { ...request, headers: { host, ...request.headers } }),
})

async function scene() {
  const tenant = await servers.home.makeTenant()
  const user = await tenant.makeUser()
  const browsers = [0, 1].map((at) => browserAt(tenant, serverAt(tenant, at)))
  const [one, two] = browsers
  if (one === undefined || two === undefined) throw new Error('there are two servers')
  return { tenant, user, one, two }
}

describe('a browser session on two servers', () => {
  test('is one session: what one server opened, the other serves', async () => {
    const { user, one, two } = await scene()
    const cookie = cookieOf(await signIn(one, user))
    const replies = await Promise.all([one, two, one, two].map((it) => it(cookie, ME)))
    expect(replies.map((it) => it.status)).toEqual([200, 200, 200, 200])
  })

  test.each([
    ['signed out', { method: 'POST', path: '/api/auth/logout' }],
    ['revoked from another browser', { method: 'DELETE', path: '/api/sessions' }],
  ])('that is %s on one server is refused by the other (SESS-6)', async (_, ending) => {
    const { user, one, two } = await scene()
    const cookie = cookieOf(await signIn(one, user))
    const other = cookieOf(await signIn(one, user))
    expect((await two(cookie, ME)).status).toBe(200)
    const by = ending.path === '/api/sessions' ? other : cookie
    expect((await one(by, ending)).status).toBe(204)
    const endedAt = performance.now()
    expect((await one(cookie, ME)).status).toBe(401)
    expect((await untilRejected(() => two(cookie, ME), endedAt)).status).toBe(401)
  })

  test('is not opened by plain http in production, on a loopback name either', async () => {
    const { tenant, user } = await scene()
    for (const host of [tenant.host, `${tenant.subdomain}.localhost:8000`]) {
      const reply = await serverAt(tenant, 0).send(host, {
        method: 'POST',
        path: '/api/auth/login',
        body: { email: user.email, password: user.password, session: 'cookie' },
        headers: { origin: `http://${host}` },
      })
      expect([reply.status, reply.json.code]).toEqual([400, 'session.insecure'])
    }
  })
})
