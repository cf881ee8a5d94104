import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { app } from '../../../test/fixtures/app/app.ts'
import { startTestApp, type TestApp, type TestReply } from '../../testing.ts'

let api: TestApp
let page: TestReply
beforeAll(async () => {
  api = await startTestApp(app)
  page = await api.send('anyone.example', { path: '/docs' })
})
afterAll(() => api.close())

const references = () => [...page.text.matchAll(/(?:src|href)="([^"]*)"/g)].map((it) => it[1] ?? '')

describe('the docs page', () => {
  test('is served without a tenant', () => {
    expect([page.status, page.headers['content-type']]).toEqual([200, 'text/html; charset=utf-8'])
  })

  test('has a policy that forbids other hosts to be loaded, called or to frame it', () => {
    const policy = page.headers['content-security-policy'] ?? ''
    const directives = new Map(
      policy.split('; ').map((it) => [it.split(' ')[0], it.split(' ').slice(1)] as const),
    )
    expect(directives.get('default-src')).toEqual(["'none'"])
    expect(directives.get('script-src')).toEqual(["'self'"])
    expect(directives.get('connect-src')).toEqual(["'self'"])
    expect(directives.get('form-action')).toEqual(["'none'"])
    expect(directives.get('frame-ancestors')).toEqual(["'none'"])
    expect(policy).not.toMatch(/https?:|\*|unsafe-eval/)
  })

  test('refers only to this server, and every reference exists', async () => {
    expect(page.text).not.toMatch(/https?:\/\/|\/\/[a-z]/)
    const local = references().filter((it) => it !== 'data:,')
    expect(local).toContain('/openapi.json')
    for (const path of local) {
      const reply = await api.send('anyone.example', { path })
      expect([path, reply.status]).toEqual([path, 200])
      expect(reply.headers['content-type']).toMatch(/javascript|json/)
    }
  })

  test('disables the external services of the reference', async () => {
    const start = await api.send('anyone.example', { path: '/docs/start.js' })
    expect(start.text).not.toMatch(/https?:\/\//)
    const settings = JSON.parse(
      start.text.slice(start.text.indexOf('{'), start.text.lastIndexOf('}') + 1),
    )
    expect(settings).toMatchObject({
      url: '/openapi.json',
      telemetry: false,
      withDefaultFonts: false,
      hideClientButton: true,
      agent: { disabled: true },
      mcp: { disabled: true },
    })
    expect(settings).not.toHaveProperty('proxyUrl')
  })

  test('may be cached by browsers, and is compressed for those that accept it', async () => {
    const path = references().find((it) => it.startsWith('/docs/reference-')) ?? ''
    const compressed = await api.send('anyone.example', {
      path,
      headers: { 'accept-encoding': 'gzip' },
    })
    const plain = await api.send('anyone.example', { path })
    expect(compressed.headers).toMatchObject({
      'content-encoding': 'gzip',
      vary: 'accept-encoding',
    })
    expect(compressed.headers['cache-control']).toBe('public, max-age=31536000, immutable')
    expect(plain.headers['content-encoding']).toBeUndefined()
    expect(Number(compressed.headers['content-length'])).toBeLessThan(
      Number(plain.headers['content-length']) / 3,
    )
  })

  test('does not exist with DOCS=off, while the description stays', async () => {
    const without = await startTestApp(app, { DOCS: 'off' })
    onTestFinished(() => without.close())
    const { host } = await without.makeTenant()
    const statusOf = async (path: string) => (await without.send(host, { path })).status
    expect([await statusOf('/docs'), await statusOf('/docs/start.js')]).toEqual([404, 404])
    expect(await statusOf('/openapi.json')).toBe(200)
  })
})
