import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { app } from '../../../test/fixtures/app/app.ts'
import { startTestApp, type TestApp } from '../../testing.ts'
import { subdomainRules } from './subdomains.ts'

const config = { APP_HOST: 'go.app.test', BASE_DOMAINS: ['app.test', 'eu.app.test'] }
const rules = subdomainRules({ reservedSubdomains: ['shop'] }, config)

describe('the subdomain of a new tenant', () => {
  test.each(['acme', 'a', 'acme-2', '4711-gmbh', 'a'.repeat(63), 'maily', 'shopify'])(
    'can be %j',
    (name) => {
      expect(rules.faultOf(name)).toBeUndefined()
    },
  )

  test.each([
    ...['', '-a', 'a-', 'a.b', 'a_b', 'a b', 'Acme', 'bücher', 'а', 'a'.repeat(64), 'a\0', 'ab--c'],
    // Names in Punycode look like others, and digits like a part of an address.
    ...['xn--bcher-kva', 'xn--80ak6aa92e', '127', '2130706433'],
  ])('cannot be %j, which is malformed', (name) => {
    expect(rules.faultOf(name)).toBe('malformed')
  })

  test.each([
    ...['www', 'app', 'admin', 'mail', 'operator', 'login', 'wpad'],
    // Look-alikes of them.
    ...['adm1n', 'admln', 'ad-min', 'maii', 'mai1', 'l0gin', '1ogin', 'log-in', 'adrnin', 'vvvvvv'],
    // The app's own, a look-alike of it, the label of APP_HOST, and that of another base domain.
    ...['shop', 'sh0p', 'go', 'g0', 'eu'],
  ])('cannot be %j, which is reserved', (name) => {
    expect(rules.faultOf(name)).toBe('reserved')
  })

  test('is judged alike with any hyphens and look-alike characters', () => {
    const confusable: Record<string, string[]> = {
      o: ['o', '0'],
      i: ['i', '1', 'l'],
      m: ['m', 'rn', 'r-n'],
      a: ['a', 'a-'],
    }
    const spelled = fc
      .constantFrom('admin', 'login', 'mail', 'shop', 'console', 'support')
      .chain((name) =>
        fc.tuple(...[...name].map((it) => fc.constantFrom(...(confusable[it] ?? [it])))),
      )
      .map((letters) => letters.join(''))
    fc.assert(
      fc.property(spelled, (name) => {
        expect(rules.faultOf(name)).toBe('reserved')
      }),
    )
  })

  test('is reserved by the app as a label only', () => {
    for (const name of ['Shop', 'a.b', '', '123']) {
      expect(() => subdomainRules({ reservedSubdomains: [name] }, config)).toThrow(
        `reservedSubdomains: "${name}" is no subdomain`,
      )
    }
  })
})

describe('the availability of a subdomain', () => {
  let api: TestApp
  beforeAll(async () => {
    api = await startTestApp({ ...app, reservedSubdomains: ['shop'] })
  })
  afterAll(() => api.close())
  const ask = (name: string, host = api.config.APP_HOST) =>
    api.send(host, { path: `/api/subdomains/${encodeURIComponent(name)}` })

  test('is public at APP_HOST', async () => {
    const tenant = await api.makeTenant()
    expect((await ask(tenant.subdomain)).json).toEqual({ available: false, reason: 'taken' })
    expect((await ask(tenant.subdomain.toUpperCase())).json.reason).toBe('taken')
    expect((await ask(`${tenant.subdomain}-2`)).json).toEqual({ available: true, reason: null })
    expect((await ask('sh0p')).json).toEqual({ available: false, reason: 'reserved' })
    expect((await ask('a.b')).json).toEqual({ available: false, reason: 'malformed' })
  })

  test('is of a suspended tenant no more than of an active one', async () => {
    const { id, subdomain } = await api.makeTenant()
    await api.database.acrossTenants('test', (db) =>
      db
        .updateTable('tenantry.tenants')
        .set({ status: 'suspended' })
        .where('id', '=', id)
        .execute(),
    )
    expect((await ask(subdomain)).json.reason).toBe('taken')
  })

  test('does not exist at the host of a tenant, where it answers as any unknown path does', async () => {
    const { host } = await api.makeTenant()
    const other = await api.send(host, { path: '/api/subdomain-names/acme' })
    const found = await ask('acme', host)
    expect(found.status).toBe(404)
    const withoutId = ({ json }: typeof found) => ({ ...json, instance: '' })
    expect(withoutId(found)).toEqual(withoutId(other))
    const wrongMethod = await api.send(host, { method: 'DELETE', path: '/api/subdomains/acme' })
    expect([wrongMethod.status, wrongMethod.headers['allow']]).toEqual([404, undefined])
  })
})

describe('APP_HOST', () => {
  let api: TestApp
  beforeAll(async () => {
    api = await startTestApp(app)
  })
  afterAll(() => api.close())
  const ask = (path: string, headers = {}, method = 'GET') =>
    api.send(api.config.APP_HOST, { method, path, headers })

  test('has no route of a tenant, with credentials or without', async () => {
    const tenant = await api.makeTenant()
    const user = await tenant.makeUser({ roles: ['admin_tenant'] })
    const authorization = `Bearer ${user.accessToken}`
    for (const path of ['/', '/api/auth/me', '/api/branding', '/api/members']) {
      const replies = [await ask(path), await ask(path, { authorization })]
      expect(replies.map((it) => [it.status, it.json.code])).toEqual(
        Array(2).fill([404, 'tenant.not_found']),
      )
    }
  })

  test('lists the methods of its own routes only', async () => {
    const wrong = await ask('/api/subdomains/acme', {}, 'DELETE')
    expect([wrong.status, wrong.headers['allow']]).toEqual([405, 'GET, HEAD'])
    expect((await ask('/api/members', {}, 'PATCH')).status).toBe(404)
    expect((await ask('/no-such-path')).status).toBe(404)
  })

  test('is canonical like any host, and serves what needs no tenant', async () => {
    const host = `${api.config.APP_HOST.toUpperCase()}.:443`
    const reply = await api.send(host, { path: '/api/subdomains/acme' })
    expect(reply.status).toBe(200)
    expect((await ask('/health/live')).status).toBe(200)
    expect((await ask('/openapi.json')).status).toBe(200)
  })
})
