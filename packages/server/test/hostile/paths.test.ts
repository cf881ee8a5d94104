import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Route } from '../../src/app/route.ts'
import { testPng } from '../../src/testing/sweeps/world/test_image.ts'
import {
  startTestApp,
  type TestApp,
  type TestRequest,
  type TestTenant,
  type TestUser,
} from '../../src/testing.ts'
import { app } from '../fixtures/app/app.ts'
import { expectProblem } from '../fixtures/problem.ts'
import { rawRequest, sendRaw } from './raw_socket.ts'

const ui = 'https://ui.example'
let api: TestApp
let open: TestApp
let tenant: TestTenant
let user: TestUser
beforeAll(async () => {
  ;[api, open] = await Promise.all([
    startTestApp(app),
    startTestApp(app, { CORS_ORIGINS: `${ui}, http://localhost:5173` }),
  ])
  tenant = await api.makeTenant()
  user = await tenant.makeUser({ roles: ['admin_tenant'] })
})
afterAll(() => Promise.all([api.close(), open.close()]))

const pathOf = ({ path }: Pick<Route, 'path'>) => path.replaceAll(/:\w+/g, () => randomUUID())
const isOpen = ({ access }: Route) => access === 'public' || access === 'base'
const hostOf = ({ access }: Route) => (access === 'base' ? api.config.APP_HOST : tenant.host)
/** Sends a request to the host of a route; signed in where that is a tenant's. */
const sendTo = (route: Route, request: TestRequest & { user?: TestUser | undefined }) => {
  const { user: _, ...anonymous } = request
  return route.access === 'base' ? api.send(hostOf(route), anonymous) : tenant.send(request)
}

describe('no spelling of a path bypasses authentication (API-8)', () => {
  const encoded = (text: string) =>
    [...text].map((it) => (it === '/' ? it : `%${it.charCodeAt(0).toString(16)}`)).join('')

  function variantsOf(path: string): string[] {
    const [, first = '', ...rest] = path.split('/')
    const tail = rest.length === 0 ? '' : `/${rest.join('/')}`
    const endings = '/ // /. /%2e ; ;x=1 ? ?/public # %00 %20 %2f %3f .json %c0%af \\'.split(' ')
    return [
      ...endings.map((it) => path + it),
      `/${path}`,
      `/${first}/${tail}`,
      `/./${first}${tail}`,
      `/x/..${path}`,
      `/%2e%2e${path}`,
      `/%2f${first}${tail}`,
      `/${first}${tail.toUpperCase()}`,
      encoded(path),
      encoded(encoded(path)),
      path.replaceAll('/', '%2f').replace('%2f', '/'),
      path.replaceAll('/', '\\').replace('\\', '/'),
      `http://${tenant.host}${path}`,
      `/health/live${path}`,
    ]
  }

  test('on any protected route, by any method', async () => {
    const guarded = api.running.routes.filter((it) => !isOpen(it))
    expect(guarded.length).toBeGreaterThan(15)
    let tried = 0
    for (const route of guarded) {
      const asked = variantsOf(pathOf(route)).map(async (target) => {
        const request = rawRequest(
          `${route.method} ${target} HTTP/1.1`,
          `Host: ${tenant.host}`,
          'Connection: close',
        )
        const [reply] = await sendRaw(api.port, request)
        return { target, reply }
      })
      for (const { target, reply } of await Promise.all(asked)) {
        tried++
        expect([400, 401, 404, 405], `${route.method} ${target}`).toContain(reply?.status)
      }
    }
    expect(tried).toBeGreaterThan(guarded.length * 20)
  }, 60_000)

  test('one trailing slash names the same route, with the same access', async () => {
    for (const route of api.running.routes.filter((it) => it.path !== '/')) {
      const target = { method: route.method, path: `${pathOf(route)}/` }
      const bare = await sendTo(route, { ...target, path: pathOf(route) })
      const slashed = await sendTo(route, target)
      expect([slashed.status, slashed.json.code]).toEqual([bare.status, bare.json.code])
      if (!isOpen(route)) expectProblem(slashed, 401)
      const twice = await sendTo(route, { ...target, path: `${target.path}/`, user })
      expect([404, 405, 422], `${route.method} ${target.path}/`).toContain(twice.status)
    }
    const path = '/api/projects/'
    expect((await tenant.send({ path: `${path}?limit=1`, user })).status).toBe(200)
    const created = await tenant.send({ method: 'POST', path, user, body: { name: 'Slashed' } })
    expect(created.headers['location']).toBe(`/api/projects/${created.json.id}`)
    const wrong = await tenant.send({ method: 'PUT', path, user })
    expect([wrong.status, wrong.headers['allow']]).toEqual([405, 'GET, HEAD, POST'])
  })

  test('and no header names another path', async () => {
    const headers = {
      'x-original-url': '/',
      'x-rewrite-url': '/',
      'x-forwarded-uri': '/',
      'x-forwarded-prefix': '/health',
    }
    expectProblem(await tenant.send({ path: '/api/auth/me', headers }), 401)
    const asked = { 'x-original-url': '/api/auth/me', 'x-rewrite-url': '/api/auth/me' }
    expect((await tenant.send({ path: '/', headers: asked, user })).json).toHaveProperty('message')
  })

  test.each(['%zz', '%', '%f', '%ff', '%c0%80', '%ed%a0%80'])(
    'a path with %s is not valid',
    async (text) => {
      for (const path of [`/${text}`, `/api/projects/${text}`]) {
        expectProblem(await tenant.send({ path, user }), 400)
      }
    },
  )

  test.each([
    'x',
    '0',
    'null',
    '%00',
    '%27%20or%201=1--',
    '..%2f..%2fetc',
    '%F0%9F%98%80',
    '1e3',
    'a'.repeat(3_000),
  ])('the id %s is a 4xx', async (id) => {
    for (const route of api.running.routes.filter((it) => it.path.includes('_id'))) {
      const path = route.path.replaceAll(/:\w+/g, id)
      const reply = await sendTo(route, { method: route.method, path, user })
      expectProblem(reply, id === '%00' ? 400 : 422)
    }
  })
})

describe('a path accepts its own methods', () => {
  const methods = [
    'GET',
    'HEAD',
    'POST',
    'PUT',
    'PATCH',
    'DELETE',
    'OPTIONS',
    'TRACE',
    'PROPFIND',
    'QUERY',
    'SEARCH',
    'PURGE',
    'LOCK',
  ]

  test('any other method is a 405 with Allow, signed in or not', async () => {
    const routes = new Map(api.running.routes.map((it) => [it.path, it]))
    for (const [path, route] of routes) {
      const own = api.running.routes.filter((it) => it.path === path).map((it): string => it.method)
      const allowed = own.flatMap((it) => (it === 'GET' ? ['GET', 'HEAD'] : [it]))
      for (const method of methods.filter((it) => !allowed.includes(it))) {
        const reply = await sendTo(route, {
          method,
          path: pathOf(route),
          user: method === 'PUT' ? user : undefined,
        })
        expect(reply.status, `${method} ${path}`).toBe(405)
        expect(reply.headers['allow']?.split(', ').sort()).toEqual(allowed.toSorted())
        if (method !== 'HEAD') expectProblem(reply, 405)
      }
    }
  })

  test('an unknown path is a 404 with every method', async () => {
    for (const method of methods) {
      const reply = await tenant.send({ method, path: '/api/nothing', user })
      expect(reply.status).toBe(404)
      expect(reply.headers['allow']).toBeUndefined()
    }
  })

  test('HEAD gets the reply to GET without the body', async () => {
    const logo = new Blob([new Uint8Array(testPng())], { type: 'image/png' })
    await tenant.send({ method: 'PUT', path: '/api/tenant/logo', user, body: logo })
    // One that opens a session needs a code.
    const reads = api.running.routes.filter(
      (it) => it.method === 'GET' && !it.path.includes(':') && !it.cookies,
    )
    for (const route of reads) {
      const { path } = route
      const lines = [
        `Host: ${hostOf(route)}`,
        `Authorization: Bearer ${user.accessToken}`,
        'Connection: close',
      ]
      const [get] = await sendRaw(api.port, rawRequest(`GET ${path} HTTP/1.1`, ...lines))
      const [head] = await sendRaw(api.port, rawRequest(`HEAD ${path} HTTP/1.1`, ...lines))
      const same = ({ date, 'x-request-id': _, ...headers }: Record<string, string>) => headers
      expect(head?.text).toBe('')
      expect([head?.status, same(head?.headers ?? {})]).toEqual([200, same(get?.headers ?? {})])
    }
    const [rejected] = await sendRaw(
      api.port,
      rawRequest('HEAD /api/auth/me HTTP/1.1', `Host: ${tenant.host}`),
    )
    expect([rejected?.status, rejected?.text]).toEqual([401, ''])
  })

  test('replies to members are stored by no cache (TEN-11)', async () => {
    // A file that anyone gets says how long caches may keep it.
    const isKept = ({ sends }: Route) => sends?.kind === 'file' && sends.maxAge !== undefined
    const reads = api.running.routes.filter((it) => it.method === 'GET' && !isKept(it))
    for (const route of reads) {
      const reply = await sendTo(route, { path: pathOf(route), user })
      expect(reply.headers['cache-control'], route.path).toBe('no-store')
    }
  })
})

describe('CORS', () => {
  const from = (origin: string, extra: Record<string, string> = {}) => ({ origin, ...extra })
  const corsOf = ({ headers }: { headers: Record<string, string> }) =>
    Object.keys(headers).filter((it) => it.startsWith('access-control-'))

  test('without CORS_ORIGINS no origin is allowed', async () => {
    const preflight = from(ui, { 'access-control-request-method': 'GET' })
    const replies = [
      await tenant.send({ path: '/', headers: from(ui) }),
      await tenant.send({ method: 'OPTIONS', path: '/', headers: preflight }),
    ]
    expect(replies.map((it) => [it.status, corsOf(it)])).toEqual([
      [200, []],
      [405, []],
    ])
  })

  test('a listed origin is allowed, on errors too, and never with credentials', async () => {
    for (const [path, host, status] of [
      ['/', tenant.host, 200],
      ['/api/auth/me', tenant.host, 401],
      ['/api/nothing', tenant.host, 404],
      ['/', 'unknown.app.test', 404],
    ] as const) {
      const reply = await open.send(host, { path, headers: from(ui) })
      expect([reply.status, reply.headers['access-control-allow-origin']]).toEqual([status, ui])
      expect(reply.headers['access-control-allow-credentials']).toBeUndefined()
      expect(reply.headers['access-control-expose-headers']).toContain('etag')
      expect(reply.headers['vary']?.toLowerCase()).toContain('origin')
    }
  })

  test.each([
    ...[
      'https://evil.test',
      'null',
      '*',
      'http://ui.example',
      'https://ui.example:8443',
      'https://ui.example.evil.test',
    ],
    ...[
      'https://evil.ui.example',
      'https://UI.example',
      'https://ui.example/',
      'https://ui.exampl',
      'https://ui_example',
    ],
    ...[
      `${ui}, https://evil.test`,
      `${ui} https://evil.test`,
      'http://localhost:5174',
      'http://localhost',
      'file://',
    ],
  ])('the origin %s is not allowed', async (origin) => {
    const headers = from(origin, { 'access-control-request-method': 'GET' })
    for (const method of ['GET', 'OPTIONS']) {
      const reply = await open.send(tenant.host, { method, path: '/', headers })
      expect(reply.headers['access-control-allow-origin']).toBeUndefined()
      expect(reply.headers['vary']?.toLowerCase()).toContain('origin')
    }
  })

  test('a preflight of an existing tenant lists the allowed methods and headers', async () => {
    const headers = from(ui, {
      'access-control-request-method': 'PATCH',
      'access-control-request-headers': 'authorization, content-type, if-match',
    })
    const preflight = (host: string, path = '/api/projects') =>
      open.send(host, { method: 'OPTIONS', path, headers })
    const reply = await preflight(tenant.host)
    expect([reply.status, reply.text]).toEqual([204, ''])
    expect(reply.headers).toMatchObject({
      'access-control-allow-origin': ui,
      'access-control-allow-methods': 'GET, HEAD, POST, PUT, PATCH, DELETE',
      'access-control-allow-headers': 'authorization, content-type, if-match',
      'access-control-max-age': '600',
    })
    expectProblem(await preflight('unknown.app.test'), 404)
    expectProblem(await preflight('a,b'), 400)
  })

  test('an OPTIONS that is not a preflight is a 405', async () => {
    for (const headers of [{}, from(ui), { 'access-control-request-method': 'GET' }]) {
      const reply = await open.send(tenant.host, {
        method: 'OPTIONS',
        path: '/api/projects',
        headers,
      })
      expectProblem(reply, 405)
      expect(reply.headers['allow']).toBe('GET, HEAD, POST')
    }
  })
})
