import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { get } from '../../../test/fixtures/app/policy.ts'
import { type AppWithSite, appWithSite } from '../../../test/fixtures/app_with_site.ts'
import { startTestApp, type TestApp, type TestTenant } from '../../testing.ts'

const BROWSER = { accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8' }

let site: AppWithSite
let api: TestApp
let tenant: TestTenant
beforeAll(async () => {
  site = appWithSite({
    'web/dist/auth/index.html': 'auth page',
    'web/dist/console/index.html': 'console page',
    'web/dist/assets/index-B1x2.js': 'script',
    'web/dist/icon.svg': '<svg/>',
  })
  api = await startTestApp(site.app)
  tenant = await api.makeTenant()
})
afterAll(async () => {
  await api.close()
  site.remove()
})

const at = (path: string, headers = {}) => api.send(tenant.host, { path, headers })

async function startWith(settings: Record<string, string>, app = site.app): Promise<TestApp> {
  const started = await startTestApp(app, settings)
  onTestFinished(() => started.close())
  return started
}

describe('GET /', () => {
  test('leads a browser to the console, whatever its host', async () => {
    for (const host of [tenant.host, 'unknown.app.test']) {
      const reply = await api.send(host, { path: '/', headers: BROWSER })
      expect([reply.status, reply.headers['location']]).toEqual([303, '/console/'])
      expect(reply.headers).toMatchObject({ vary: 'accept', 'cache-control': 'no-store' })
    }
  })

  test.each([{}, { accept: '*/*' }, { accept: 'application/json' }])(
    "answers the API's status to a client with %j",
    async (headers) => {
      const reply = await at('/', headers)
      expect([reply.status, reply.json]).toEqual([200, { status: 'ok', message: 'API is running' }])
      expect(reply.headers['vary']).toBe('accept')
    },
  )

  test('keeps the Vary of CORS', async () => {
    const cors = await startWith({ CORS_ORIGINS: 'https://app.example.com' })
    const { host } = await cors.makeTenant()
    const headers = { origin: 'https://app.example.com' }
    const { headers: received } = await cors.send(host, { path: '/', headers })
    expect(received['vary']?.toLowerCase()).toBe('origin, accept')
  })
})

describe('the former path of the reset page', () => {
  test('leads to the new one, and the browser keeps the secret in the fragment', async () => {
    const reply = await at('/reset-password')
    expect([reply.status, reply.headers['location']]).toEqual([303, '/auth/reset-password'])
  })
})

describe('WEB', () => {
  test('leaves out what it does not list', async () => {
    const signInOnly = await startWith({ WEB: 'auth' })
    const { host } = await signInOnly.makeTenant()
    const statusOf = async (path: string) =>
      (await signInOnly.send(host, { path, headers: BROWSER })).status
    expect(await statusOf('/auth/sign-in')).toBe(200)
    expect(await statusOf('/assets/index-B1x2.js')).toBe(200)
    expect([await statusOf('/console/'), await statusOf('/account')]).toEqual([404, 404])
    expect(await statusOf('/')).toBe(200)
  })

  test('off serves the API alone', async () => {
    const bare = await startWith({ WEB: 'off' })
    const { host } = await bare.makeTenant()
    for (const path of ['/auth/sign-in', '/console', '/assets/index-B1x2.js', '/icon.svg']) {
      if (path !== '/auth/reset-password')
        expect((await bare.send(host, { path })).status).toBe(404)
    }
    const home = await bare.send(host, { path: '/', headers: BROWSER })
    expect([home.status, home.headers['vary']]).toEqual([200, undefined])
  })
})

describe('the pages of the package tenantry-web', () => {
  test('are served where the app has no page of its own', async () => {
    const own = appWithSite({
      'node_modules/tenantry-web/package.json': '{ "name": "tenantry-web" }',
      'node_modules/tenantry-web/site/auth/index.html': 'auth page of the package',
      'node_modules/tenantry-web/site/console/index.html': 'console page of the package',
      'node_modules/tenantry-web/site/assets/index-P1.js': 'of the package',
      'web/dist/console/index.html': 'console page of the app',
      'web/dist/assets/index-A1.js': 'of the app',
    })
    onTestFinished(own.remove)
    const started = await startWith({}, own.app)
    const textOf = async (path: string) => (await started.send('any.app.test', { path })).text
    expect(await textOf('/auth/sign-in')).toBe('auth page of the package')
    expect(await textOf('/console/')).toBe('console page of the app')
    expect(await textOf('/assets/index-P1.js')).toBe('of the package')
    expect(await textOf('/assets/index-A1.js')).toBe('of the app')
  })

  test('are missed by a server in production, unless WEB leaves them out', async () => {
    const none = appWithSite({ 'web/dist/console/index.html': 'console page' })
    onTestFinished(none.remove)
    const warningsOf = async (WEB: string) => {
      const settings = {
        NODE_ENV: 'production',
        WEB,
        SECRET_KEY: randomBytes(48).toString('base64'),
      }
      const { logLines } = await startWith(settings, none.app)
      return logLines.filter((it) => it.includes('there are no pages for'))
    }
    expect(await warningsOf('auth,account,console')).toEqual([
      expect.stringContaining('there are no pages for auth: depend on tenantry-web'),
    ])
    expect(await warningsOf('console')).toEqual([])
  })

  test('may be missing: an API needs no pages', async () => {
    const none = appWithSite({})
    onTestFinished(none.remove)
    const started = await startWith({}, none.app)
    const { host } = await started.makeTenant()
    expect((await started.send(host, { path: '/console/' })).status).toBe(404)
    expect((await started.send(host, { path: '/', headers: BROWSER })).json.status).toBe('ok')
  })
})

describe("an app's own route", () => {
  const routeAt = (path: `/${string}`) =>
    get(path, { access: 'public', summary: '', handle: () => undefined })

  test.each<`/${string}`>([
    '/auth',
    '/auth/callback',
    '/console/own/page',
    '/assets/x.js',
    '/icon.svg',
  ])('at %s stops the start, because the server answers there', async (path) => {
    const routes = [...site.app.routes, routeAt(path)]
    await expect(startTestApp({ ...site.app, routes })).rejects.toThrow(
      `GET ${path}: the server itself answers `,
    )
  })

  test('may use the path of a surface that WEB leaves out', async () => {
    const routes = [...site.app.routes, routeAt('/auth/callback'), routeAt('/authors')]
    const started = await startWith({ WEB: 'console' }, { ...site.app, routes })
    const { host } = await started.makeTenant()
    expect((await started.send(host, { path: '/auth/callback' })).status).toBe(204)
  })
})
