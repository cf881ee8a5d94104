import { afterAll, beforeAll, expect, test } from 'vitest'
import { app } from '../../../test/fixtures/app/app.ts'
import { startTestApp, type TestApp, type TestReply } from '../../testing.ts'
import { constantHeaders } from './security_headers.ts'

const HSTS = 'strict-transport-security'
let plain: TestApp
let secure: TestApp
beforeAll(async () => {
  const PUBLIC_ORIGIN = 'https://{tenant}.local.com'
  ;[plain, secure] = await Promise.all([
    startTestApp(app, { PUBLIC_ORIGIN: PUBLIC_ORIGIN.replace('https', 'http') }),
    startTestApp(app, { PUBLIC_ORIGIN }),
  ])
})
afterAll(() => Promise.all([plain.close(), secure.close()]))

const pages = ['/docs', '/openapi.json', '/health/live', '/auth/reset-password']
const requests: [what: string, send: (api: TestApp) => Promise<TestReply>][] = [
  ['a route', async (api) => api.send((await api.makeTenant()).host, { path: '/' })],
  [
    'a request without credentials',
    async (api) => api.send((await api.makeTenant()).host, { path: '/api/members' }),
  ],
  ['an unknown tenant', (api) => api.send('unknown.local.com', { path: '/' })],
  [
    'an unknown route',
    async (api) => api.send((await api.makeTenant()).host, { path: '/nowhere' }),
  ],
  ['an invalid host', (api) => api.send('-.local.com', { path: '/' })],
  ...pages.map((path): (typeof requests)[number] => [
    path,
    (api) => api.send('any.test', { path }),
  ]),
]

test.each(requests)('%s carries the constant security headers', async (_what, send) => {
  const { headers } = await send(plain)
  for (const [name, value] of Object.entries(constantHeaders)) {
    if (name === 'content-security-policy') expect(headers[name]).toContain("default-src 'none'")
    else if (name !== 'cache-control') expect([name, headers[name]]).toEqual([name, value])
  }
  expect(headers['content-security-policy']).toContain("frame-ancestors 'none'")
})

test.each(requests)('%s carries HSTS only if the public origin uses HTTPS', async (_what, send) => {
  expect((await send(secure)).headers[HSTS]).toBe('max-age=63072000')
  expect((await send(plain)).headers[HSTS]).toBeUndefined()
})
