import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { parseEnv } from 'node:util'
import fc from 'fast-check'
import ipaddr from 'ipaddr.js'
import { afterAll, describe, expect, test } from 'vitest'
import { loadConfig } from '../../src/config/config.ts'
import type { Setting } from '../../src/config/parsers.ts'
import { settings } from '../../src/config/settings.ts'
import { limits } from '../../src/http/request/size_limits.ts'
import { weakSecret } from '../../src/lib/keys.ts'
import { canonicalHost } from '../../src/lib/net/hostname.ts'
import { matchHost } from '../../src/tenancy/match_host.ts'
import { makeWorkplace } from '../fixtures/cli.ts'
import { type ComposeFile, deployFolder, ownServices, readCompose } from './compose_files.ts'

const place = makeWorkplace()
afterAll(() => place.remove())

const example = await environmentFromExample()
const production = {
  ...example,
  BASE_DOMAIN: 'example.com',
  ACME_EMAIL: 'ann@example.com',
  ACME_DNS_PROVIDER: 'cloudflare',
}
const development = readCompose(filesOf('development'), example)
const live = readCompose(filesOf('production'), production)
const withDashboard = readCompose([...filesOf('production'), 'compose.dashboard.yaml'], {
  ...production,
  DASHBOARD_USER: 'admin:hash',
})
const dockerfile = readFileSync(join(deployFolder, 'Dockerfile'), 'utf8')

test('tenantry new environment makes a .env with strong secrets, and overwrites none', async () => {
  expect(example['COMPOSE_FILE']).toBe(filesOf('development').join(':'))
  const secrets = Object.keys(example).filter((it) => /KEY|PASSWORD/.test(it))
  expect(secrets).toHaveLength(8)
  for (const name of secrets) expect(weakSecret(example[name] ?? '')).toBeUndefined()
  expect(new Set(secrets.map((it) => example[it])).size).toBe(8)
  const again = await place.run('new environment')
  expect([again.code, again.stderr]).toEqual([
    1,
    'tenantry: .env exists and is not overwritten: edit it, or move it\n',
  ])
  const elsewhere = await place.run('new environment nowhere')
  expect([elsewhere.code, elsewhere.stderr]).toEqual([
    1,
    'tenantry: there is no nowhere/.env.example: name the folder of the Compose files\n',
  ])
})

test('one service builds the image, and the others neither build nor pull it', () => {
  const own = ownServices(live)
  expect(own.filter(([, { build }]) => build !== undefined).map(([name]) => name)).toEqual([
    'setup',
  ])
  for (const [name, { pull_policy }] of own) expect([name, pull_policy]).toEqual([name, 'never'])
  const later = own.filter(([name]) => !['setup', 'admin', 'seed'].includes(name))
  for (const [name] of later) expect(dependenciesOf(name)).toContain('setup')
})

test('the containers that keep running have limits of memory and CPUs, and logs that rotate', () => {
  for (const name of ['database', 'app', 'proxy']) {
    const { mem_limit, cpus, logging } = live.services[name] ?? {}
    expect(mem_limit).toMatch(/^\d+[mg]$/)
    expect(Number(cpus)).toBeGreaterThan(0)
    expect(logging?.driver).toBe('local')
  }
})

test.each([
  ...Object.keys(example).filter((it) => /KEY|PASSWORD|DOMAIN/.test(it)),
  'ACME_EMAIL',
  'ACME_DNS_PROVIDER',
])('compose names %s when it is missing', (name) => {
  expect(() => readCompose(filesOf('production'), { ...production, [name]: '' })).toThrow(
    `required variable ${name} is missing: `,
  )
})

test('no file contains a secret: each comes from a variable', () => {
  const other = Object.fromEntries(Object.keys(production).map((name) => [name, `other-${name}`]))
  const files = readCompose(filesOf('production'), other)
  for (const [name, { environment }] of ownServices(live)) {
    const elsewhere = files.services[name]?.environment ?? {}
    for (const [setting, value] of Object.entries(environment)) {
      if (!isSecret(setting) || value === '') continue
      expect([setting, elsewhere[setting]]).not.toEqual([setting, value])
    }
  }
})

test('every variable of the services and of the image is a setting', () => {
  const image = [...dockerfile.matchAll(/^ENV (.*)$/gm)].flatMap(([, line = '']) =>
    [...line.matchAll(/(\w+)=/g)].map(([, name]) => name),
  )
  const services = [...ownServices(development), ...ownServices(live)]
  const names = services.flatMap(([, { environment }]) => Object.keys(environment))
  expect(names).toContain('DB_URL')
  expect([...image, ...names].filter((name) => !(`${name}` in settings))).toEqual([])
})

test('the serving containers have no DSN of the owner, the platform role or the superuser', () => {
  for (const { services } of [development, live]) {
    const held = Object.keys(services['app']?.environment ?? {}).filter((it) => /^DB_/.test(it))
    expect(held).toEqual(['DB_URL', 'DB_IDENTITY_URL', 'DB_JOBS_URL'])
  }
})

test.each(ownServices(development))(
  'the command of %s exists',
  {
    timeout: 60_000,
  },
  async (_name, { command }) => {
    const { code, stderr } = await place.run(`${command.join(' ')} --help`)
    expect([code, stderr]).toEqual([0, ''])
  },
)

test('the image starts the CLI as an unprivileged user, and has a health check', () => {
  const lines = dockerfile.replaceAll(/\\\n\s*/g, '')
  const [, health = '[]'] = /^HEALTHCHECK .*?CMD (\[.*\])$/m.exec(lines) ?? []
  expect(lines).toMatch(/^FROM node:24-slim$/m)
  expect(lines).toMatch(/^USER node$/m)
  expect(lines).toMatch(/npm ci --omit=dev --omit=peer --ignore-scripts/)
  expect(lines).toMatch(/^ENTRYPOINT \["node", "node_modules\/tenantry\/bin\/tenantry\.js"\]$/m)
  expect(JSON.parse(health)).toEqual(['node', '-e', expect.stringContaining('/health/live')])
})

test('each service waits for the ones it depends on', () => {
  const needs = (name: string) =>
    Object.entries(live.services[name]?.depends_on ?? {}).map(([it, { condition }]) => [
      it,
      condition,
    ])
  expect(needs('setup')).toEqual([['database', 'service_healthy']])
  expect(needs('migrate')).toEqual([['setup', 'service_completed_successfully']])
  expect(needs('app')).toEqual([['migrate', 'service_completed_successfully']])
  expect(live.services['app']?.deploy?.replicas).toBe(2)
})

test('the grace period lets a server finish its requests before it is killed (OPS-1)', () => {
  const grace = Number.parseInt(live.services['app']?.stop_grace_period ?? '', 10)
  expect(grace).toBeGreaterThan(Number(settings.SHUTDOWN_SECONDS.fallback) + 4)
})

test('TEN-4 the proxy is trusted, and no other container can get its address', () => {
  const { app, proxy } = live.services
  const address = fixedAddress(proxy?.networks)
  expect(app?.environment['TRUST_PROXY']).toBe(address)
  const [config] = live.networks['edge']?.ipam?.config ?? []
  const within = (range = '') => ipaddr.parse(address).match(ipaddr.parseCIDR(range))
  expect([within(config?.subnet), within(config?.ip_range)]).toEqual([true, false])
})

test('the proxy drops an idle connection before the server does', () => {
  const name = 'TRAEFIK_SERVERSTRANSPORT_FORWARDINGTIMEOUTS_IDLECONNTIMEOUT'
  const seconds = Number.parseInt(live.services['proxy']?.environment[name] ?? '', 10)
  expect(seconds * 1000).toBeLessThan(limits.keepAliveMs)
})

test('only the proxy publishes ports, and in development to this machine only', () => {
  expect(portsOf(live)).toEqual(['proxy 80:80', 'proxy 443:443'])
  const ports = portsOf(development, example['COMPOSE_PROFILES'])
  expect(ports).toEqual(['mail 127.0.0.1:8025:8025', 'proxy 127.0.0.1:80:80'])
})

test("the app's containers have no capability, cannot write, and keep data apart from the Internet", () => {
  const { services, networks } = live
  expect(ownServices(live).length).toBeGreaterThan(3)
  for (const [name, { cap_drop, read_only }] of ownServices(live))
    expect([name, cap_drop, read_only]).toEqual([name, ['ALL'], true])
  expect(services['database']?.networks).toEqual(['data'])
  expect(networks['data']?.internal).toBe(true)
})

test("Traefik's dashboard is off by default, and behind a password when enabled", () => {
  const api = ({ services }: ComposeFile) =>
    Object.keys(services['proxy']?.environment ?? {}).filter((it) => it.startsWith('TRAEFIK_API'))
  expect([api(development), api(live)]).toEqual([[], []])
  expect(api(withDashboard)).toEqual(['TRAEFIK_API_DASHBOARD'])
  const { labels } = withDashboard.services['proxy'] ?? {}
  expect(labels?.['traefik.http.routers.dashboard.middlewares']).toBe('password')
  expect(labels?.['traefik.http.routers.dashboard.entrypoints']).toBe('dashboard')
  expect(portsOf(withDashboard)).toContain('proxy 127.0.0.1:8080:8080')
})

describe('Traefik routes to the app', () => {
  const seed = routerOf(development)
  const own = routerOf(live)

  test.each(['public', 'client1', 'client2'])("the demo's host %s.local.com", (label) => {
    expect(seed(`${label}.local.com`)).toBe(true)
  })

  test.each([
    'client1.example.com',
    'CLIENT1.Example.Com:443',
    'client1.example.com.',
    'a.example.com',
    `${'a'.repeat(63)}.example.com`,
    'xn--mnchen-3ya.example.com',
  ])('TEN-2 the host %s', (host) => {
    expect(own(host)).toBe(true)
    expect(matchOf(host)).toMatchObject({ kind: 'subdomain' })
  })

  test.each([
    'example.com',
    'a.b.example.com',
    'aexample.com',
    'a.exampleXcom',
    'a.example.com.evil.org',
    'a.example.comb',
    '-a.example.com',
    'a-.example.com',
    'a_b.example.com',
    '.example.com',
    `${'a'.repeat(64)}.example.com`,
    '127.0.0.1',
    'localhost',
  ])('TEN-2 not the host %s', (host) => {
    expect(own(host)).toBe(false)
    expect(matchOf(host)?.kind).not.toBe('subdomain')
  })

  test("TEN-2 exactly the hosts that the app accepts as a tenant's", () => {
    const label = fc.oneof(
      fc.stringMatching(/^[a-zA-Z0-9-]{1,64}$/),
      fc.stringMatching(/^[a-zA-Z0-9_.-]{0,66}$/),
    )
    const base = fc.constantFrom('.example.com', 'example.com', '.EXAMPLE.com', '.example.com.')
    fc.assert(
      fc.property(label, base, (before, after) => {
        const host = `${before}${after}`
        // Labels with "--" in the third place are reserved for punycode: the app itself rejects those.
        if (/^..--/.test(before)) return
        expect([host, own(host)]).toEqual([host, matchOf(host)?.kind === 'subdomain'])
      }),
    )
  })

  test('the base domain itself, as APP_HOST', () => {
    const { labels } = live.services['app'] ?? {}
    expect(labels?.['traefik.http.routers.apex.rule']).toBe('Host(`example.com`)')
    expect(labels?.['traefik.http.routers.apex.service']).toBe('app')
    expect(labels?.['traefik.http.routers.apex.tls']).toBe('true')
    const config = loadConfig({ ...live.services['app']?.environment, NODE_ENV: 'production' })
    expect(config.APP_HOST).toBe('example.com')
  })

  test.each(['app', 'apex'])('through the intended entry point only: %s', (router) => {
    const entry = `traefik.http.routers.${router}.entrypoints`
    expect(development.services['app']?.labels[entry]).toBe('web')
    expect(live.services['app']?.labels[entry]).toBe('websecure')
  })
})

test("the proxy logs no query strings: the seed's sign-in may have its password there", () => {
  for (const { services } of [development, live, withDashboard]) {
    const names = Object.keys(services['proxy']?.environment ?? {})
    expect(names.filter((it) => it.startsWith('TRAEFIK_ACCESSLOG'))).toEqual([])
  }
})

test('TLS covers the base domain and one label under it', () => {
  const { labels } = live.services['app'] ?? {}
  expect(labels).toMatchObject({
    'traefik.http.routers.app.tls.certresolver': 'acme',
    'traefik.http.routers.app.tls.domains[0].main': 'example.com',
    'traefik.http.routers.app.tls.domains[0].sans': '*.example.com',
  })
})

function filesOf(mode: 'development' | 'production'): string[] {
  return ['compose.yaml', `compose.${mode}.yaml`]
}

/** The variables of the .env that `tenantry new environment` makes. */
async function environmentFromExample(): Promise<Record<string, string | undefined>> {
  place.write('.env.example', readFileSync(join(deployFolder, '.env.example'), 'utf8'))
  const { code } = await place.run('new environment')
  expect(code).toBe(0)
  const file = join(place.folder, '.env')
  expect(statSync(file).mode & 0o777).toBe(0o600)
  return parseEnv(readFileSync(file, 'utf8'))
}

/** What a service waits for, directly or not. */
function dependenciesOf(name: string): string[] {
  const direct = Object.keys(live.services[name]?.depends_on ?? {})
  return direct.flatMap((it) => [it, ...dependenciesOf(it)])
}

function isSecret(name: string): boolean {
  const all: Record<string, Setting<unknown>> = settings
  return all[name]?.secret === true
}

function fixedAddress(networks: ComposeFile['services'][string]['networks'] | undefined): string {
  const { edge } = (networks ?? {}) as Record<string, { ipv4_address: string }>
  return edge?.ipv4_address ?? 'none'
}

function portsOf({ services }: ComposeFile, profile = 'none'): string[] {
  return Object.entries(services)
    .filter(([, { profiles }]) => profiles === undefined || profiles.includes(profile))
    .flatMap(([name, { ports = [] }]) => ports.map((it) => `${name} ${it}`))
}

/** Traefik's HostRegexp: a Go expression that is matched with the Host in lower case without its port. */
function routerOf({ services }: ComposeFile): (host: string) => boolean {
  const rule = services['app']?.labels['traefik.http.routers.app.rule'] ?? ''
  const [, pattern = '(?!)'] = /^HostRegexp\(`([^`]+)`\)$/.exec(rule) ?? []
  // JavaScript has no \Q...\E.
  const plain = pattern.replaceAll(/\\Q(.*?)\\E/g, (_, quoted) =>
    quoted.replaceAll(/[^a-z0-9]/gi, '\\$&'),
  )
  const expression = new RegExp(plain)
  return (host) => expression.test(host.toLowerCase().replace(/:\d+$/, ''))
}

function matchOf(host: string) {
  const canonical = canonicalHost(host)
  if (canonical === undefined) return undefined
  return matchHost(canonical, { BASE_DOMAINS: ['example.com'], DEFAULT_DEV_TENANT: undefined })
}
