import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { app } from '../../../test/fixtures/app/app.ts'
import {
  cookieOf,
  HTTPS,
  browserAt as openBrowser,
  signIn,
} from '../../../test/fixtures/browser.ts'
import { expectProblem } from '../../../test/fixtures/problem.ts'
import { backgroundScope } from '../../db/tenancy.ts'
import { startTestApp, type TestApp, type TestRequest, type TestTenant } from '../../testing.ts'

let api: TestApp
beforeAll(async () => {
  api = await startTestApp(app, { TRUST_PROXY: '127.0.0.1', CORS_ORIGINS: 'https://spa.example' })
})
afterAll(() => api.close())

const browserAt = (tenant: TestTenant, to = api) => openBrowser(tenant, to)

async function scene(roles: string[] = []) {
  const tenant = await api.makeTenant()
  const user = await tenant.makeUser({ roles })
  const browser = browserAt(tenant)
  const cookie = cookieOf(await signIn(browser, user))
  return { tenant, user, browser, cookie }
}

const ME = { path: '/api/auth/me' }
const PATCH = { method: 'PATCH', path: '/api/account', body: { full_name: 'Ann' } }
const LOGOUT = { method: 'POST', path: '/api/auth/logout' }

describe('a sign-in with a cookie', () => {
  test('sets one that no script can read and no other host gets, and replies without a token (SESS-8)', async () => {
    const tenant = await api.makeTenant()
    const user = await tenant.makeUser({ roles: ['operator'] })
    const reply = await signIn(browserAt(tenant), user)
    expect([reply.status, reply.json]).toEqual([
      200,
      { expires_in: expect.any(Number), roles: ['operator'], tenant: tenant.subdomain },
    ])
    const [pair, ...attributes] = (reply.headers['set-cookie'] ?? '').split('; ')
    expect(pair).toMatch(/^__Host-tenantry=[\w-]+\.[\w-]+\.[\w-]+$/)
    expect(attributes.sort()).toEqual([
      'HttpOnly',
      `Max-Age=${reply.json.expires_in}`,
      'Path=/',
      'SameSite=Strict',
      'Secure',
    ])
    expect(reply.json.expires_in).toBeGreaterThan(89 * 86_400)
    const [header = ''] = (pair ?? '').slice('__Host-tenantry='.length).split('.')
    expect(JSON.parse(Buffer.from(header, 'base64url').toString()).typ).toBe('st+jwt')
  })

  test('is a session like any other: listed, its kind stored, its permissions live', async () => {
    const { tenant, browser, cookie, user } = await scene(['operator'])
    expect((await browser(cookie, ME)).json.roles).toEqual(['operator'])
    const listed = await browser(cookie, { path: '/api/sessions' })
    expect(listed.json.items[0]).toMatchObject({ method: 'password', is_current: true })
    expect(listed.json.items).toHaveLength(2)
    const kinds = await api.database.inTenant(backgroundScope(tenant.id), (db) =>
      db.selectFrom('tenantry.sessions').select('kind').where('user_id', '=', user.id).execute(),
    )
    expect(kinds.map((it) => it.kind).sort()).toEqual(['cookie', 'tokens'])
    const write = await browser(cookie, PATCH)
    expect([write.status, write.json.full_name]).toEqual([200, 'Ann'])
  })

  test('revokes the session of the cookie that it replaces, and only that', async () => {
    const { tenant, browser, cookie, user } = await scene()
    const other = cookieOf(await signIn(browser, user))
    const again = await signIn(browser, user, cookie)
    expect(again.status).toBe(200)
    expect((await browser(cookie, ME)).status).toBe(401)
    expect((await browser(cookieOf(again), ME)).status).toBe(200)
    expect((await browser(other, ME)).status).toBe(200)
    const wrong = { ...user, password: 'wrong' }
    expect((await signIn(browser, wrong, other)).status).toBe(401)
    expect((await browser(other, ME)).status).toBe(200)
    expect((await tenant.send({ ...ME, user })).status).toBe(200)
  })

  test.each([
    ['another origin', { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }],
    ['a sibling subdomain', { origin: 'https://other.app.test', 'sec-fetch-site': 'same-site' }],
    ['plain http on the same host', { origin: 'http://HOST' }],
    ['another port', { origin: 'https://HOST:8443' }],
    ['an allowed CORS origin', { origin: 'https://spa.example' }],
    ['a sandboxed frame', { origin: 'null', 'sec-fetch-site': 'cross-site' }],
  ])('from %s is 403 and sets no cookie (login CSRF)', async (_, headers) => {
    const { tenant, user } = await scene()
    const reply = await signIn(browserAt(tenant), user, undefined, {
      ...headers,
      origin: headers.origin.replace('HOST', tenant.host),
    })
    expectProblem(reply, 403)
    expect(reply.json.code).toBe('csrf.origin')
    expect(reply.headers['set-cookie']).toBeUndefined()
    expect(reply.headers['access-control-allow-credentials']).toBeUndefined()
  })

  test('is 400 by plain http, and 403 without an Origin', async () => {
    const { tenant, user } = await scene()
    const body = { email: user.email, password: user.password, session: 'cookie' }
    const login = { method: 'POST', path: '/api/auth/login', body }
    const plain = await tenant.send({ ...login, headers: { origin: `http://${tenant.host}` } })
    expectProblem(plain, 400)
    expect([plain.json.code, plain.json.detail]).toEqual([
      'session.insecure',
      'A cookie session needs https, or a host under localhost',
    ])
    expect((await tenant.send(login)).status).toBe(403)
  })

  test('is a field of a JSON body only: in the query or the form it is no cookie', async () => {
    const { tenant, user, browser } = await scene()
    const { email, password } = user
    const query = new URLSearchParams({ email, password, session: 'cookie' })
    const inQuery = await browser(undefined, { method: 'POST', path: `/api/auth/login?${query}` })
    expect(inQuery.status).toBe(422)
    const form = new URLSearchParams({ username: email, password, session: 'cookie' })
    const inForm = await tenant.send({ method: 'POST', path: '/api/auth/token', body: form })
    expect([inForm.status, inForm.headers['set-cookie']]).toEqual([200, undefined])
  })
})

describe('a request with a session cookie', () => {
  test.each([
    ['no Origin', { origin: undefined, 'sec-fetch-site': undefined }, 403],
    ['a sibling Origin', { origin: 'https://other.app.test', 'sec-fetch-site': 'same-site' }, 403],
    ['its own Origin', {}, 200],
    ['its own Origin in another case', { origin: 'HTTPS://HOST' }, 403],
    ['two Origins', { origin: 'https://HOST, https://evil.example' }, 403],
    ['no Origin, from the same origin', { origin: undefined }, 200],
    ['a null Origin, from the same origin', { origin: 'null' }, 200],
    ['a null Origin, from the same site', { origin: 'null', 'sec-fetch-site': 'same-site' }, 403],
  ])('that changes something and has %s answers as it must (SESS-8)', async (_, given, status) => {
    const { tenant, browser, cookie } = await scene()
    const headers = Object.fromEntries(
      Object.entries({
        origin: `https://${tenant.host}`,
        'sec-fetch-site': 'same-origin',
        ...given,
      })
        .filter((it): it is [string, string] => it[1] !== undefined)
        .map(([name, value]) => [name, value.replace('HOST', tenant.host)]),
    )
    const reply = await api.send(tenant.host, {
      ...PATCH,
      headers: { ...HTTPS, cookie, ...headers },
    })
    expect([reply.status, reply.json.code]).toEqual([
      status,
      status === 403 ? 'csrf.origin' : undefined,
    ])
    const after = await browser(cookie, { path: '/api/account' })
    expect(after.json.full_name).toBe(status === 403 ? 'Test User' : 'Ann')
  })

  test.each([
    [
      'an image of another site',
      { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' },
      403,
    ],
    ['a script of a sibling', { 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'no-cors' }, 403],
    ['an image of its own', { 'sec-fetch-site': 'same-origin', 'sec-fetch-mode': 'no-cors' }, 200],
    [
      'a link from elsewhere',
      { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' },
      200,
    ],
  ])('that reads for %s answers as it must (XS-leaks)', async (_, headers, status) => {
    const { browser, cookie } = await scene()
    expect((await browser(cookie, { ...ME, headers })).status).toBe(status)
    // The same route in another spelling.
    const spelled = { ...ME, path: ME.path.replace('api', '%61pi') }
    expect((await browser(cookie, { ...spelled, headers })).status).toBe(status)
  })

  test('is refused at another tenant, also where the user is a member there (TEN-5)', async () => {
    const { user, cookie, tenant } = await scene()
    const other = await api.makeTenant()
    await other.makeUser({ email: user.email, password: user.password })
    expectProblem(await browserAt(other)(cookie, ME), 401)
    expect((await browserAt(tenant)(cookie, ME)).status).toBe(200)
  })

  test('is refused with two cookies of the name, in one header or two', async () => {
    const { tenant, browser, cookie } = await scene()
    const second = cookie.replace(/=.*/, '=x')
    for (const both of [`${cookie}; ${second}`, `${second};${cookie}`, `${cookie}; ${cookie}`]) {
      const reply = await browser(both, ME)
      expect([reply.status, reply.json.code]).toEqual([401, 'session.ambiguous'])
    }
    const among = `theme=dark; x=__Host-tenantry=1; ${cookie}; y="a b"`
    expect((await browser(among, ME)).status).toBe(200)
    expect((await browser('__host-tenantry=x; tenantry-dev=x', ME)).json.code).toBe(
      'credentials.invalid',
    )
    expect((await tenant.send({ ...ME, headers: { ...HTTPS, cookie: `${cookie}x` } })).status).toBe(
      401,
    )
  })

  test('counts an Authorization header alone', async () => {
    const { tenant, user, browser, cookie } = await scene()
    const bearer = { authorization: `Bearer ${user.accessToken}` }
    const wrong = { authorization: 'Bearer x' }
    expect((await browser(cookie, { ...ME, headers: wrong })).status).toBe(401)
    expect((await browser(`${cookie}; ${cookie}`, { ...ME, headers: bearer })).status).toBe(200)
    // No page can make a browser send this header, so it needs no Origin.
    const headers = { ...HTTPS, cookie, ...bearer }
    expect((await api.send(tenant.host, { ...PATCH, headers })).status).toBe(200)
  })

  test('never takes one token for the other (JWT-1)', async () => {
    const { tenant, user, browser, cookie } = await scene()
    const session = cookie.split('=')[1] ?? ''
    const asBearer = () => tenant.send({ ...ME, headers: { authorization: `Bearer ${session}` } })
    expect((await asBearer()).status).toBe(401)
    expect((await browser(cookie, ME)).status).toBe(200)
    // Verified and cached as a cookie, and still no bearer token; the same the other way round.
    expect((await asBearer()).status).toBe(401)
    for (const token of [user.accessToken, user.refreshToken, 'x', '']) {
      expect((await browser(`__Host-tenantry=${token}`, ME)).status).toBe(401)
    }
    const body = { refresh_token: session }
    const refresh = await tenant.send({ method: 'POST', path: '/api/auth/refresh', body })
    expect(refresh.status).toBe(401)
  })

  test('is answered without a statement once its session is known', async () => {
    const { browser, cookie } = await scene()
    await browser(cookie, ME)
    const statements = await api.statementsOf(async () => {
      for (let n = 0; n < 3; n++) expect((await browser(cookie, ME)).status).toBe(200)
    })
    expect(statements).toEqual([])
  })

  test('to a public route is charged to the tenant, and an invalid cookie to its address', async () => {
    const strict = await startTestApp(app, { TRUST_PROXY: '127.0.0.1', PUBLIC_RATE: '1' })
    try {
      const tenant = await strict.makeTenant()
      const user = await tenant.makeUser()
      const browser = browserAt(tenant, strict)
      const headers = { 'x-forwarded-for': '203.0.113.7' }
      const cookie = cookieOf(await signIn(browser, user, undefined, headers))
      const ask = (it: string) => browser(it, { path: '/api/branding', headers })
      const valid = await Promise.all(Array.from({ length: 10 }, () => ask(cookie)))
      expect(valid.map((it) => it.status)).toEqual(Array(10).fill(200))
      const invalid = await Promise.all(Array.from({ length: 10 }, () => ask(`${cookie}x`)))
      expect(invalid.filter((it) => it.status === 429).length).toBeGreaterThan(5)
    } finally {
      await strict.close()
    }
  })
})

describe('a sign-out with a cookie', () => {
  test('needs no body, ends the session, and clears what the browser holds', async () => {
    const { browser, cookie } = await scene()
    const reply = await browser(cookie, LOGOUT)
    expect([reply.status, reply.text]).toEqual([204, ''])
    expect(reply.headers['set-cookie']).toBe(
      '__Host-tenantry=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict; Secure',
    )
    expect(reply.headers['clear-site-data']).toBe('"cache", "storage"')
    expect((await browser(cookie, ME)).status).toBe(401)
    expect((await browser(cookie, LOGOUT)).status).toBe(204)
  })

  test('from another origin is 403, and the session goes on', async () => {
    const { browser, cookie } = await scene()
    const headers = { origin: 'https://other.app.test', 'sec-fetch-site': 'same-site' }
    expect((await browser(cookie, { ...LOGOUT, headers })).status).toBe(403)
    expect((await browser(cookie, ME)).status).toBe(200)
  })

  test('without a cookie and without a body is 422, as before', async () => {
    const { tenant } = await scene()
    const reply = await tenant.send(LOGOUT)
    expect([reply.status, reply.json.errors]).toEqual([
      422,
      [{ pointer: '', message: 'Invalid input: expected object, received undefined' }],
    ])
  })
})

describe('in development, on http and a loopback name,', () => {
  test('the cookie is one that every browser keeps, and the other one does not count', async () => {
    const { user, tenant } = await scene()
    const host = `${tenant.subdomain}.localhost:8000`
    const send = (request: TestRequest) => api.send(host, request)
    const body = { email: user.email, password: user.password, session: 'cookie' }
    const headers = { origin: `http://${host}` }
    const reply = await send({ method: 'POST', path: '/api/auth/login', body, headers })
    expect(reply.headers['set-cookie']).toMatch(
      /^tenantry-dev=[^;]+; Path=\/; Max-Age=\d+; HttpOnly; SameSite=Strict$/,
    )
    const cookie = cookieOf(reply)
    expect((await send({ ...ME, headers: { cookie } })).status).toBe(200)
    const hosted = cookie.replace('tenantry-dev', '__Host-tenantry')
    expect((await send({ ...ME, headers: { cookie: hosted } })).status).toBe(401)
    expect((await browserAt(tenant)(cookie, ME)).status).toBe(401)
    // Another port of this machine is another origin.
    const other = { cookie, origin: `http://${tenant.subdomain}.localhost:9000` }
    expect((await send({ ...PATCH, headers: other })).status).toBe(403)
    expect((await send({ ...PATCH, headers: { cookie, ...headers } })).status).toBe(200)
  })
})

describe('with SESSION_COOKIE=off', () => {
  test('no cookie is set, and none counts', async () => {
    const SECRET_KEY = randomBytes(32).toString('base64')
    const settings = { TRUST_PROXY: '127.0.0.1', SECRET_KEY }
    const [on, off] = [
      await startTestApp(app, settings),
      await startTestApp(app, { ...settings, SESSION_COOKIE: 'off' }),
    ]
    try {
      const tenant = await on.makeTenant()
      const user = await tenant.makeUser()
      const cookie = cookieOf(await signIn(browserAt(tenant, on), user))
      expect((await browserAt(tenant, on)(cookie, ME)).status).toBe(200)
      expect((await browserAt(tenant, off)(cookie, ME)).status).toBe(401)
      const reply = await signIn(browserAt(tenant, off), user)
      expect([reply.status, reply.json.errors[0].pointer]).toEqual([422, '/session'])
    } finally {
      await on.close()
      await off.close()
    }
  })
})
