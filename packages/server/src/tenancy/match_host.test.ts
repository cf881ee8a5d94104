import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { loadConfig } from '../config/config.ts'
import { canonicalHost, canonicalName } from '../lib/net/hostname.ts'
import { createHostParser, matchHost } from './match_host.ts'

const config = { BASE_DOMAINS: ['app.test'], DEFAULT_DEV_TENANT: 'public' }
const unknown = { kind: 'unknown', key: '' }
const tenant = (subdomain: string) => ({ kind: 'subdomain', subdomain, key: subdomain })
const domain = (name: string) => ({ kind: 'domain', domain: name, key: `domain ${name}` })

const LDH_NAME = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/
/** Two spaces separate the hosts, because some hosts contain one. */
const split = (hosts: string) => hosts.split('  ')
const label63 = 'a'.repeat(63)

describe('the canonicaliser (TEN-2)', () => {
  test.each([
    ['a.app.test', 'a.app.test'],
    ['A.APP.TEST:443', 'a.app.test'],
    ['a.app.test.', 'a.app.test'],
    ['a.app.test.:8000', 'a.app.test'],
    ['a.app.test:0', 'a.app.test'],
    ['a.app.test:65535', 'a.app.test'],
    ['127.0.0.1:8000', '127.0.0.1'],
    ['[::1]', '[::1]'],
    ['[0:0:0:0:0:0:0:1]:8000', '[::1]'],
    ['[2001:DB8::1]', '[2001:db8::1]'],
    ['xn--bcher-kva.app.test', 'xn--bcher-kva.app.test'],
    [`${label63}.app.test`, `${label63}.app.test`],
  ])('reads %j as %j', (host, canonical) => {
    expect(canonicalHost(host)).toBe(canonical)
  })

  test.each([
    ...split('.  ..  .app.test  a..app.test  a.app.test..  -a.app.test  a-.app.test  a_b.app.test'),
    ...split(
      'a.app.test#  a.app.test/  a.app.test\\  a.app.test?x  *.app.test  a%2eapp.test  %61.b',
    ),
    ...split(
      'user@a.app.test  user:secret@a.app.test  http://a.app.test  //a.app.test  a.app.test;b',
    ),
    ...split(
      'a.b,c.d  a.b, c.d  a.app.test b.app.test  a.app.test%00  xn--.b  xn--a.b  xn--a-ecp.b  ab--c.b',
    ),
    ...split('a.b:  :80  a.b:0x50  a.b:65536  a.b:-1  a.b:1:2  a.b:99999999  a.b:８０'),
    ...split('::1  [::1  ::1]  [::1]x  [::1].app.test  [::g]  []  [:]  [::1]:  [1.2.3.4]  [[::1]]'),
    ...split(
      '[fe80::1%25eth0]  [v1.fe80]  [::1]@a.app.test  [1::2::3]  bücher.app.test  ａ.app.test',
    ),
    ...['', ' a.b', 'a.b ', 'a.b\t', 'a.b\n', 'a.b\0', 'a\u3002b', '\u212Aa.b', '\u00ADa.b'],
    ...[`${label63}a.app.test`, `${`${label63}.`.repeat(4)}test`, 'a.'.repeat(200)],
  ])('rejects %j', (host) => {
    expect(canonicalHost(host)).toBeUndefined()
  })

  const hostile = fc.string({
    unit: fc.constantFrom(
      ...'aZ9-._:@[]%#\\/, \0xn',
      'ü',
      '\u212A',
      '\u3002',
      '--',
      'xn--',
      '.app.test',
    ),
  })

  test('returns lower-case LDH names only, and its own output unchanged', () => {
    fc.assert(
      fc.property(fc.oneof(hostile, fc.string({ unit: 'binary' })), (text) => {
        const canonical = canonicalName(text)
        if (canonical === undefined) return
        expect(canonical).toMatch(LDH_NAME)
        expect(canonicalName(canonical)).toBe(canonical)
        expect(canonicalHost(canonical)).toBe(canonical)
      }),
      { numRuns: 1_000 },
    )
  })

  test('matches a subdomain only for one label under a base domain', () => {
    const text = fc.oneof(
      hostile,
      hostile.map((it) => `${it}.app.test`),
      fc.string(),
    )
    fc.assert(
      fc.property(text, (text) => {
        const host = canonicalHost(text)
        const match =
          host === undefined
            ? unknown
            : matchHost(host, { ...config, DEFAULT_DEV_TENANT: undefined })
        if (match.kind !== 'subdomain') return
        const { subdomain } = match as ReturnType<typeof tenant>
        expect(subdomain).toMatch(/^[a-z0-9-]{1,63}$/)
        expect(text.toLowerCase().replace(/:\d+$/, '').replace(/\.$/, '')).toBe(
          `${subdomain}.app.test`,
        )
      }),
      { numRuns: 1_000 },
    )
  })

  test('matches the same tenant in any case, with any port, with or without the trailing dot', () => {
    const label = fc.stringMatching(/^[a-z0-9]([a-z0-9]{0,20}[a-z0-9])?$/)
    const variant = fc.record({
      label,
      upper: fc.boolean(),
      dot: fc.constantFrom('', '.'),
      port: fc.oneof(
        fc.constant(''),
        fc.integer({ min: 0, max: 65_535 }).map((it) => `:${it}`),
      ),
    })
    fc.assert(
      fc.property(variant, ({ label, upper, dot, port }) => {
        const name = `${label}.app.test${dot}`
        const host = canonicalHost(`${upper ? name.toUpperCase() : name}${port}`)
        expect(host && matchHost(host, config)).toEqual(tenant(label))
      }),
    )
  })
})

describe('the tenant that a host names (TEN-1)', () => {
  test.each([
    ['a.app.test', tenant('a')],
    ['app.test', unknown],
    ['x.a.app.test', unknown],
    ['www.x.a.app.test', unknown],
    ['aapp.test', domain('aapp.test')],
    ['evila.app.test.attacker', domain('evila.app.test.attacker')],
    ['a.app.test.evil', domain('a.app.test.evil')],
    ['acme.com', domain('acme.com')],
    ['127.0.0.2', domain('127.0.0.2')],
    ['0.0.0.0', domain('0.0.0.0')],
    ['2130706433', domain('2130706433')],
    ['[::2]', unknown],
    ['[::ffff:7f00:1]', unknown],
    ['test', domain('test')],
  ])('%s', (host, match) => {
    expect(matchHost(host, config)).toEqual(match)
  })

  test.each(['localhost', '127.0.0.1', '[::1]'])(
    '%s is the default tenant if there is one',
    (host) => {
      expect(matchHost(host, config)).toEqual(tenant('public'))
      expect(matchHost(host, { ...config, DEFAULT_DEV_TENANT: undefined })).toEqual(unknown)
    },
  )

  test('production has no default tenant, unless PROD_ENV=prod is set as in the seed', () => {
    const production = {
      NODE_ENV: 'production',
      DB_URL: 'postgresql://a@db/x',
      DB_IDENTITY_URL: 'postgresql://b@db/x',
      WORKER: 'off',
      SECRET_KEY: 'RTmnFmVXxLXJ4nB7pPnlfX1xk3CE9wUQ',
      BASE_DOMAINS: 'app.test',
      PUBLIC_ORIGIN: 'https://{tenant}.app.test',
    }
    expect(matchHost('localhost', loadConfig(production))).toEqual(unknown)
    expect(matchHost('localhost', loadConfig({ ...production, PROD_ENV: 'prod' }))).toEqual(
      tenant('public'),
    )
    expect(matchHost('localhost', loadConfig({}))).toEqual(tenant('public'))
  })

  test('a name under localhost is a tenant of its own, not the default one', () => {
    const withLocalhost = { ...config, BASE_DOMAINS: ['localhost', 'app.test'] }
    expect(matchHost('client1.localhost', withLocalhost)).toEqual(tenant('client1'))
    expect(matchHost('localhost', withLocalhost)).toEqual(tenant('public'))
  })

  test.each([[['app.test', 'eu.app.test']], [['eu.app.test', 'app.test']]])(
    'if one base domain lies under another, the longer one applies, in any order: %j',
    (BASE_DOMAINS) => {
      const nested = { ...config, BASE_DOMAINS }
      expect(matchHost('a.eu.app.test', nested)).toEqual(tenant('a'))
      expect(matchHost('a.app.test', nested)).toEqual(tenant('a'))
      expect(matchHost('eu.app.test', nested)).toEqual(unknown)
    },
  )
})

describe('APP_HOST', () => {
  const base = { kind: 'base', key: 'base host' }

  test.each(['app.test', 'go.app.test', 'www.go.app.test', 'go.example'])(
    '%s belongs to no tenant',
    (APP_HOST) => {
      expect(matchHost(APP_HOST, { ...config, APP_HOST })).toEqual(base)
      expect(matchHost('acme.app.test', { ...config, APP_HOST })).toEqual(tenant('acme'))
      expect(matchHost(`x.${APP_HOST}`, { ...config, APP_HOST })).not.toEqual(base)
    },
  )

  test('has a key that no tenant has', () => {
    const label = fc.stringMatching(/^[a-z0-9 -]{1,20}$/)
    fc.assert(
      fc.property(label, (label) => {
        const host = canonicalHost(`${label}.app.test`)
        return host === undefined || matchHost(host, config).key !== base.key
      }),
    )
  })

  test('is localhost only if no tenant is there', () => {
    const local = { ...config, APP_HOST: 'localhost' }
    expect(matchHost('localhost', local)).toEqual(tenant('public'))
    expect(matchHost('localhost', { ...local, DEFAULT_DEV_TENANT: undefined })).toEqual(base)
    expect(matchHost('127.0.0.1', { ...local, DEFAULT_DEV_TENANT: undefined })).toEqual(unknown)
  })
})

test('a host that is parsed again gives the same result', () => {
  const parseHost = createHostParser(config)
  for (const host of ['acme.app.test', 'ACME.app.test.', 'shop.example:8000', 'no_host', '']) {
    const canonical = canonicalHost(host)
    const match = canonical === undefined ? undefined : matchHost(canonical, config)
    expect([parseHost(host), parseHost(host)]).toEqual([match, match])
  }
})
