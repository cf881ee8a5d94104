import { randomBytes } from 'node:crypto'
import { symlinkSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { type AppWithSite, appWithSite } from '../../../test/fixtures/app_with_site.ts'
import { domainRow } from '../../../test/fixtures/domain_row.ts'
import { expectProblem } from '../../../test/fixtures/problem.ts'
import { rawRequest, sendRaw } from '../../../test/hostile/raw_socket.ts'
import { startTestApp, type TestApp, type TestTenant } from '../../testing.ts'

const SCRIPT = `console.log('${'a page '.repeat(200)}')`
const PAGES: [path: string, text: string][] = [
  ['/auth', 'auth page'],
  ['/auth/', 'auth page'],
  ['/auth/sign-in', 'auth page'],
  ['/auth/reset-password?from=mail', 'auth page'],
  ['/account', 'console page'],
  ['/account/sessions', 'console page'],
  ['/console', 'console page'],
  ['/console/', 'console page'],
  ['/console/members/0198', 'console page'],
]

let site: AppWithSite
let api: TestApp
let tenant: TestTenant
beforeAll(async () => {
  site = appWithSite({
    'web/dist/auth/index.html': { compressed: '<!doctype html>auth page' },
    'web/dist/console/index.html': '<!doctype html>console page',
    'web/dist/assets/index-B1x2.js': { compressed: SCRIPT },
    'web/dist/assets/logo-C3.png': 'not compressed',
    'web/dist/assets/.secret.js': 'hidden',
    'web/dist/assets/notes-D4.unknown': 'of no known type',
    'web/dist/icon.svg': '<svg/>',
    '.env': 'SECRET_KEY=secret',
  })
  symlinkSync('../../../.env', join(site.folder, 'web/dist/assets/link.txt'))
  api = await startTestApp(site.app)
  tenant = await api.makeTenant()
})
afterAll(async () => {
  await api.close()
  site.remove()
})

const at = (path: string, headers = {}) => api.send(tenant.host, { path, headers })

/** The bytes of a reply, which may be compressed. */
function bytesOf(path: string, headers: Record<string, string>, port = api.port): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ port, path, headers: { host: tenant.host, ...headers } })
    outgoing.on('error', reject).on('response', async (incoming) => {
      resolve(Buffer.concat(await incoming.toArray()))
    })
    outgoing.end()
  })
}

describe('a page', () => {
  test.each(PAGES)('is served at %s', async (path, text) => {
    const reply = await at(path)
    expect([reply.status, reply.headers['content-type']]).toEqual([200, 'text/html; charset=utf-8'])
    expect(reply.text).toContain(text)
  })

  test('has a policy with Trusted Types, and is stored by no cache', async () => {
    const { headers } = await at('/console/roles')
    expect(headers['content-security-policy']).toBe(
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; " +
        "connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; " +
        "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
    )
    expect(headers).toMatchObject({
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'cross-origin-opener-policy': 'same-origin',
    })
  })

  test('needs no tenant, unlike the API', async () => {
    expect((await api.send('unknown.app.test', { path: '/auth/sign-in' })).status).toBe(200)
    expect((await api.send('unknown.app.test', { path: '/api/auth/me' })).status).toBe(404)
  })

  test('is not served for a malformed host', async () => {
    expectProblem(await api.send('-.app.test', { path: '/auth/sign-in' }), 400)
  })

  test('answers HEAD like GET, without a body', async () => {
    const [page, head] = [
      await at('/auth/sign-in'),
      await api.send(tenant.host, { method: 'HEAD', path: '/auth/sign-in' }),
    ]
    expect([head.status, head.text]).toEqual([200, ''])
    expect(head.headers['content-length']).toBe(page.headers['content-length'])
  })

  test.each(['POST', 'PUT', 'DELETE'])('does not accept %s', async (method) => {
    const reply = await api.send(tenant.host, { method, path: '/auth/sign-in', body: {} })
    expectProblem(reply, 405)
    expect(reply.headers['allow']).toBe('GET, HEAD')
  })

  test('has the name of the app, escaped, in each coding', async () => {
    const built = '<meta name="application-name" content="Built"><title>Built</title>'
    const own = appWithSite({ 'web/dist/console/index.html': { compressed: built } })
    onTestFinished(own.remove)
    const named = await startTestApp({ ...own.app, name: '<b> & "$&"' })
    onTestFinished(() => named.close())
    const get = (coding: string) => bytesOf('/console', { 'accept-encoding': coding }, named.port)
    const expected =
      '<meta name="application-name" content="&lt;b&gt; &amp; &quot;$&amp;&quot;">' +
      '<title>&lt;b&gt; &amp; &quot;$&amp;&quot;</title>'
    expect(String(await get('identity'))).toBe(expected)
    expect(String(brotliDecompressSync(await get('br')))).toBe(expected)
    expect(String(gunzipSync(await get('gzip')))).toBe(expected)
  })

  test('is not charged to the rate of its client', async () => {
    const strict = await startTestApp(site.app, { PUBLIC_RATE: '1' })
    onTestFinished(() => strict.close())
    const { host } = await strict.makeTenant()
    const paths = ['/auth/sign-in', '/console/', '/assets/index-B1x2.js', '/icon.svg']
    for (const path of Array.from({ length: 20 }, () => paths).flat()) {
      expect((await strict.send(host, { path })).status).toBe(200)
    }
    expect((await strict.send(host, { path: '/' })).status).toBe(200)
  })
})

describe('a page on a custom domain', () => {
  async function ownDomain({ id: tenant_id }: TestTenant): Promise<string> {
    const name = `d-${randomBytes(5).toString('hex')}.example`
    await api.database.acrossTenants('test', (db) =>
      db.insertInto('tenantry.domains').values(domainRow(name, tenant_id)).execute(),
    )
    return name
  }

  test.each([
    '/auth/reset-password',
    '/auth/forgot-password?x=1',
    '/auth/verify',
    '/auth/accept-invitation',
    '/auth/sign-up',
    '/auth/switch/other',
  ])("opens on the tenant's own subdomain, because it has a password field: %s", async (path) => {
    const reply = await api.send(await ownDomain(tenant), { path })
    expect(reply.status).toBe(303)
    expect(reply.headers['location']).toBe(`https://${tenant.host}${path}`)
    expect(reply.headers['cache-control']).toBe('no-store')
  })

  test.each(['/auth', '/auth/', '/auth/sign-in', '/auth/sign-in/'])(
    'begins a hand-over in the place of a sign-in, without a page before: %s',
    async (path) => {
      const wanted = '?next=%2Fconsole%2Fx%3Fa%3D1&reason=left&from=evil&to=x&domain=y'
      const reply = await api.send(await ownDomain(tenant), { path: path + wanted })
      const location = `/auth/switch?from=${tenant.subdomain}&next=%2Fconsole%2Fx%3Fa%3D1&reason=left`
      expect([reply.status, reply.headers['location']]).toEqual([303, location])
    },
  )

  test.each(['/account', '/console/members', '/auth/switch?from=x', '/auth/switch'])(
    'is shown there if it asks for no credential: %s',
    async (path) => {
      const reply = await api.send(await ownDomain(tenant), { path })
      expect([reply.status, reply.text]).toEqual([200, expect.stringContaining(' page')])
    },
  )

  // Chromium compares the redirect of a form with `form-action`.
  test('that hands over may send its form on to the custom domain that its address names', async () => {
    const policyOf = async (domain: string) => {
      const reply = await at(`/auth/switch?${new URLSearchParams({ to: 'a', domain })}`)
      const policy = String(reply.headers['content-security-policy'])
      return /form-action ([^;]*)/.exec(policy)?.[1]
    }
    const domain = await ownDomain(tenant)
    expect(await policyOf(domain)).toBe(`'self' https://${domain}`)
    for (const name of [
      'evil.example',
      `x.${domain}`,
      tenant.host,
      "a.example; script-src 'none'",
      '',
    ]) {
      expect(await policyOf(name), name).toBe("'self' https://*.app.test")
    }
  })

  // Any other site can embed such an address.
  test('names in that address use up no limit of the client that asks', async () => {
    const limited = await startTestApp(site.app, { RATE_LIMIT: 'on', PUBLIC_RATE: '1' })
    onTestFinished(() => limited.close())
    const { host } = await limited.makeTenant()
    for (let n = 0; n < 5; n++) {
      const path = `/auth/switch?domain=d${n}.example`
      expect((await limited.send(host, { path })).status).toBe(200)
    }
    const domain = await ownDomain(tenant)
    expect((await limited.send(domain, { path: '/console/' })).status).toBe(200)
  })

  test('is not found on the domain of no tenant, and forbidden on that of a suspended one', async () => {
    expectProblem(await api.send('no-tenant.example', { path: '/auth/sign-in' }), 404)
    const closed = await api.makeTenant()
    const domain = await ownDomain(closed)
    await api.database.acrossTenants('test', (db) =>
      db
        .updateTable('tenantry.tenants')
        .set({ status: 'suspended' })
        .where('id', '=', closed.id)
        .execute(),
    )
    expectProblem(await api.send(domain, { path: '/auth/sign-in' }), 403)
  })

  test('loads its files anywhere', async () => {
    expect((await api.send('no-tenant.example', { path: '/icon.svg' })).status).toBe(200)
  })
})

describe('a file', () => {
  test('with a hash in its name is kept by caches for ever', async () => {
    const { status, headers, text } = await at('/assets/index-B1x2.js')
    expect([status, text]).toEqual([200, SCRIPT])
    expect(headers).toMatchObject({
      'cache-control': 'public, max-age=31536000, immutable',
      'content-type': 'text/javascript; charset=utf-8',
      'x-content-type-options': 'nosniff',
      vary: 'accept-encoding',
    })
    expect(headers['etag']).toMatch(/^"[\w-]{22}"$/)
  })

  test('has the headers of every reply, an id of its own and a line in the log', async () => {
    const path = '/assets/index-B1x2.js'
    const head = await api.send(tenant.host, { method: 'HEAD', path })
    const { headers } = await at(path)
    for (const it of [head.headers, headers]) {
      expect(it).toMatchObject({
        'content-length': String(SCRIPT.length),
        'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
        'cross-origin-resource-policy': 'same-origin',
        'referrer-policy': 'no-referrer',
      })
    }
    expect(head.text).toBe('')
    const ids = [head, { headers }].map((it) => it.headers['x-request-id'])
    expect(ids[0]).not.toBe(ids[1])
    const lines = api.logLines.map((line) => JSON.parse(line))
    for (const request_id of ids) {
      expect(lines).toContainEqual(
        expect.objectContaining({
          request_id,
          route: '/assets/*',
          status: 200,
          address: '127.0.0.1',
        }),
      )
    }
    expectProblem(await at('/assets/none-00000000.js'), 404)
  })

  test('with a name that stays is asked for again', async () => {
    const { headers, text } = await at('/icon.svg')
    expect([text, headers['content-type']]).toEqual(['<svg/>', 'image/svg+xml'])
    expect(headers['cache-control']).toBe('no-cache')
  })

  test('is sent in the best coding that the client accepts', async () => {
    const codingOf = async (accepted: string) => {
      const { headers } = await at('/assets/index-B1x2.js', { 'accept-encoding': accepted })
      return headers['content-encoding']
    }
    expect(await codingOf('gzip, deflate, br, zstd')).toBe('br')
    expect(await codingOf('gzip, br;q=0')).toBe('gzip')
    expect(await codingOf('*')).toBe('br')
    expect(await codingOf('identity')).toBeUndefined()
    expect(await codingOf('br;q=0, gzip;q=0, *')).toBeUndefined()
    const path = '/assets/index-B1x2.js'
    const [brotli, gzip] = [
      await bytesOf(path, { 'accept-encoding': 'br' }),
      await bytesOf(path, { 'accept-encoding': 'gzip' }),
    ]
    expect([brotliDecompressSync(brotli).toString(), gunzipSync(gzip).toString()]).toEqual([
      SCRIPT,
      SCRIPT,
    ])
  })

  test('that was not compressed is sent as it is, without Vary', async () => {
    const { headers, text } = await at('/assets/logo-C3.png', { 'accept-encoding': 'br' })
    expect([text, headers['content-encoding'], headers['vary']]).toEqual([
      'not compressed',
      undefined,
      undefined,
    ])
  })

  test('is not sent again to a client that has it, by a tag for each coding', async () => {
    const path = '/assets/index-B1x2.js'
    const plain = (await at(path)).headers['etag'] ?? ''
    const brotli = { 'accept-encoding': 'br' }
    const compressed = (await at(path, brotli)).headers['etag'] ?? ''
    expect(compressed).toBe(`${plain.slice(0, -1)}-br"`)
    for (const known of [plain, `W/${plain}`, `"other", ${plain}`, '*']) {
      const reply = await at(path, { 'if-none-match': known })
      expect([known, reply.status, reply.text]).toEqual([known, 304, ''])
      expect(reply.headers).toMatchObject({ etag: plain, vary: 'accept-encoding' })
      expect(reply.headers['content-type']).toBeUndefined()
    }
    expect((await at(path, { ...brotli, 'if-none-match': plain })).status).toBe(200)
    expect((await at(path, { ...brotli, 'if-none-match': compressed })).status).toBe(304)
  })

  test.each([
    '/assets/',
    '/assets',
    '/assets/index-B1x2.js.br',
    '/assets/index-B1x2.js/',
    '/assets/missing-1.js',
    '/assets/link.txt',
    '/assets/.secret.js',
    '/assets/notes-D4.unknown',
    '/assets/../../../.env',
    '/assets/..%2f..%2f..%2f.env',
    '/assets/%2e%2e/%2e%2e/%2e%2e/.env',
    '/assets/..\\..\\..\\.env',
    '/assets//etc/passwd',
    '/.env',
    '/icon.svg/../../../.env',
    '/index.html',
    '/assets/__proto__',
  ])('does not exist at %s', async (path) => {
    const line = `GET ${path} HTTP/1.1`
    const [reply] = await sendRaw(api.port, rawRequest(line, `Host: ${tenant.host}`))
    expect(reply?.text).not.toMatch(/secret|hidden|no known type|root:/)
    expect(reply?.status).toBe(404)
  })
})
