import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { refusedSettings } from '../../test/fixtures/refused_settings.ts'
import { OperatorError } from '../lib/operator_error.ts'
import { loadConfig, readEnvironment } from './config.ts'
import { databaseUrl } from './parsers.ts'
import { productionWarnings } from './production.ts'
import { settings } from './settings.ts'

// From the seed's README, verbatim.
const seedEnvironment = `SECRET_KEY=change-me
DB_URL=postgresql+asyncpg://USER:PASSWORD@localhost:5432/saas_db
TEST_DB_URL=postgresql+asyncpg://USER:PASSWORD@localhost:5432/saas_db_test
JWT_ALGORITHM=HS256
ACCESS_TOKEN_EXPIRE_MINUTES=15
REFRESH_TOKEN_EXPIRE_DAYS=14
DEFAULT_DEV_TENANT=public
DEFAULT_TEST_TENANT=client1
PROD_ENV=prod
TEST_ENV=test
`

const production = {
  NODE_ENV: 'production',
  DB_URL: 'postgresql://app@db/saas',
  DB_IDENTITY_URL: 'postgresql://identity@db/saas',
  DB_JOBS_URL: 'postgresql://jobs@db/saas',
  SECRET_KEY: 'c5Zx5o0oUVHj7Zc0rj0xX2tTPk2q6d1H',
  BASE_DOMAINS: 'app.test',
  PUBLIC_ORIGIN: 'https://{tenant}.app.test',
}

function faultsOf(environment: NodeJS.ProcessEnv): string[] {
  try {
    loadConfig(environment)
    return []
  } catch (error) {
    if (error instanceof OperatorError) return error.message.split('\n')
    throw error
  }
}

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tenantry-config-'))
  await writeFile(join(folder, '.env'), seedEnvironment)
})
afterAll(() => rm(folder, { recursive: true }))

describe('the environment', () => {
  test("the seed's .env works unchanged", () => {
    expect(loadConfig(readEnvironment(folder, {}))).toMatchObject({
      production: false,
      SECRET_KEY: 'change-me',
      DB_URL: 'postgresql://USER:PASSWORD@localhost:5432/saas_db',
      TEST_DB_URL: 'postgresql://USER:PASSWORD@localhost:5432/saas_db_test',
      JWT_ALGORITHM: 'HS256',
      ACCESS_TOKEN_EXPIRE_MINUTES: 15,
      REFRESH_TOKEN_EXPIRE_DAYS: 14,
      DEFAULT_DEV_TENANT: 'public',
      DEFAULT_TEST_TENANT: 'client1',
    })
  })

  test('DOCS is off in production only, unless it is set', () => {
    expect([loadConfig({}).DOCS, loadConfig({ DOCS: 'off' }).DOCS]).toEqual(['on', 'off'])
    expect(loadConfig(production).DOCS).toBe('off')
    expect(loadConfig({ ...production, DOCS: 'on' }).DOCS).toBe('on')
  })

  test('WEB lists surfaces', () => {
    expect(loadConfig({}).WEB).toEqual(['auth', 'account', 'console'])
    expect(loadConfig({ WEB: ' console,auth ' }).WEB).toEqual(['auth', 'console'])
    expect(loadConfig({ WEB: 'off' }).WEB).toEqual([])
    for (const WEB of ['consol', 'auth,off', 'on', 'auth;console', ',', 'AUTH']) {
      expect(faultsOf({ WEB })).toEqual([
        `WEB must be off, or a list of auth, account, console (it is "${WEB}")`,
      ])
    }
  })

  test('the environment takes precedence over .env', () => {
    const environment = readEnvironment(folder, { DEFAULT_DEV_TENANT: 'client2' })
    expect(loadConfig(environment)).toMatchObject({
      DEFAULT_DEV_TENANT: 'client2',
      PROD_ENV: 'prod',
    })
  })

  test('without any setting the configuration is complete for development', () => {
    expect(loadConfig({})).toMatchObject({
      production: false,
      PORT: 8000,
      HOST: '127.0.0.1',
      BASE_DOMAINS: ['localhost', 'local.com'],
      PUBLIC_ORIGIN: 'http://{tenant}.localhost:8000',
      DEFAULT_DEV_TENANT: 'public',
      TRUST_PROXY: [],
      CORS_ORIGINS: [],
      RATE_LIMIT: 'on',
    })
    expect(loadConfig({ PORT: '9000' }).PUBLIC_ORIGIN).toBe('http://{tenant}.localhost:9000')
    expect(loadConfig({ PORT: '80' }).PUBLIC_ORIGIN).toBe('http://{tenant}.localhost')
  })

  test('APP_HOST is the first base domain, in development one beside that of the default tenant', () => {
    const hostOf = (environment: NodeJS.ProcessEnv) => loadConfig(environment).APP_HOST
    expect(hostOf({})).toBe('app.localhost')
    expect(hostOf({ BASE_DOMAINS: 'app.test,localhost' })).toBe('app.test')
    expect(hostOf(production)).toBe('app.test')
    expect(hostOf({ ...production, APP_HOST: 'Go.App.Test.' })).toBe('go.app.test')
    expect(faultsOf({ APP_HOST: 'localhost' })).toEqual([
      'APP_HOST is localhost, which serves the tenant of DEFAULT_DEV_TENANT: choose another, such as app.localhost',
    ])
    expect(faultsOf({ APP_HOST: 'a_b' })).toEqual([
      'APP_HOST has an invalid domain "a_b"; write names such as example.com (it is "a_b")',
    ])
  })

  test('SIGN_UP is off in production only, unless it is set', () => {
    expect([loadConfig({}).SIGN_UP, loadConfig({ SIGN_UP: 'off' }).SIGN_UP]).toEqual(['on', 'off'])
    expect(loadConfig(production).SIGN_UP).toBe('off')
    const SMTP_URL = 'smtp://mail.app.test'
    expect(loadConfig({ ...production, SIGN_UP: 'on', SMTP_URL }).SIGN_UP).toBe('on')
  })

  test('an empty value counts as not set', () => {
    expect(loadConfig(Object.fromEntries(Object.keys(settings).map((it) => [it, ''])))).toEqual(
      loadConfig({}),
    )
  })

  test('is frozen', () => {
    expect(Object.isFrozen(loadConfig({}))).toBe(true)
  })
})

describe('production', () => {
  test('works with the required settings, and only NODE_ENV=production turns it on', () => {
    expect(loadConfig(production)).toMatchObject({ production: true, BASE_DOMAINS: ['app.test'] })
    for (const word of ['development', 'test', '']) {
      expect(loadConfig({ NODE_ENV: word }).production).toBe(false)
    }
    for (const word of ['prod', 'Production', '"production"', 'production ', 'produciton']) {
      expect(faultsOf({ ...production, NODE_ENV: word })).toContain(
        `NODE_ENV must be one of development, test, production (it is ${JSON.stringify(word)})`,
      )
    }
    expect(faultsOf({ PUBLIC_ORIGIN: 'https://{tenant}.app.test' })).toEqual([
      'PUBLIC_ORIGIN begins with https:, but NODE_ENV is not production: set NODE_ENV=production',
    ])
    expect(loadConfig({ PROD_ENV: 'prod' }).production).toBe(false)
  })

  test('PROD_ENV=prod keeps the tenant of localhost, as in the seed', () => {
    const tenantOf = (changes: object) =>
      loadConfig({ ...production, ...changes }).DEFAULT_DEV_TENANT
    expect(tenantOf({ PROD_ENV: 'prod' })).toBe('public')
    expect(tenantOf({ PROD_ENV: 'prod', DEFAULT_DEV_TENANT: 'client1' })).toBe('client1')
    expect(tenantOf({ PROD_ENV: 'dev' })).toBeUndefined()
  })

  test.each([
    ...['DB_URL', 'DB_IDENTITY_URL', 'DB_JOBS_URL'],
    ...['SECRET_KEY', 'BASE_DOMAINS', 'PUBLIC_ORIGIN'],
  ])('requires %s', (name) => {
    expect(faultsOf({ ...production, [name]: undefined })).toEqual([
      `${name} is required in production`,
    ])
    expect(faultsOf({ ...production, [name]: '' })).toEqual([`${name} is required in production`])
  })

  test('requires no DB_JOBS_URL of a server that runs no jobs', () => {
    expect(faultsOf({ ...production, DB_JOBS_URL: undefined, WORKER: 'off' })).toEqual([])
  })

  test.each([
    ['change-me', 'shorter than 32 bytes'],
    ['x'.repeat(31), 'shorter than 32 bytes'],
    ['x'.repeat(64), 'repeats a few characters'],
    ['abababababababababababababababababab', 'repeats a few characters'],
    ['please-change-me-please-change-me-0123456789', 'well-known placeholder'],
    ['my-super-secret-key-0123456789-abcdefgh', 'well-known placeholder'],
  ])('rejects the weak secret %j, and never prints it', (secret, weakness) => {
    for (const name of ['SECRET_KEY', 'SECRET_KEY_PREVIOUS']) {
      const faults = faultsOf({ ...production, [name]: secret })
      expect(faults).toEqual([expect.stringContaining(`${name} `)])
      expect(faults[0]).toContain(weakness)
      expect(faults[0]).not.toContain(secret)
    }
    expect(faultsOf({ SECRET_KEY: secret })).toEqual([])
  })

  test.each(refusedSettings(production.SECRET_KEY))('OPS-6 refuses %j', (changes, words) => {
    expect(faultsOf({ ...production, ...changes })).toEqual([expect.stringContaining(words)])
    const isHttps = /https/.test(changes['PUBLIC_ORIGIN'] ?? '')
    if (!isHttps) expect(faultsOf(changes)).toEqual([])
  })

  const accepted: Record<string, string>[] = [
    { TRUST_PROXY: '10.0.0.0/8, 172.16.0.0/12, fc00::/7' },
    { BASE_DOMAINS: 'app.test, example.com, internal' },
    { BASE_DOMAINS: 'api.app.test', PUBLIC_ORIGIN: 'https://{tenant}.ui.app.test' },
    { BASE_DOMAINS: 'internal', PUBLIC_ORIGIN: 'https://{tenant}.internal' },
    { RESET_URL: 'https://login.app.test/#{token}' },
    { RESET_URL: 'https://{tenant}.app.test/#{token}' },
    { METRICS_PORT: '9000', METRICS_HOST: '127.0.0.1' },
    { METRICS_PORT: '9000', METRICS_HOST: '0.0.0.0', METRICS_TOKEN: 'm'.repeat(16) },
    { METRICS_HOST: '0.0.0.0' },
  ]
  test.each(accepted)('accepts %j', (changes) => {
    expect(faultsOf({ ...production, ...changes })).toEqual([])
  })

  test('OPS-6 warns of DSNs that a server never uses', () => {
    for (const name of ['DB_OWNER_URL', 'DB_PLATFORM_URL', 'DB_BACKUP_URL', 'DB_ADMIN_URL']) {
      const given = { [name]: 'postgresql://a@b/c' }
      expect(productionWarnings(loadConfig({ ...production, ...given }))).toEqual([
        expect.stringContaining(`${name} is in the environment of a server`),
      ])
      expect(productionWarnings(loadConfig(given))).toEqual([])
    }
  })

  test('a server without sign-in pages is warned that the default links of mails lead nowhere', () => {
    const warningsWith = (more: NodeJS.ProcessEnv) =>
      productionWarnings(loadConfig({ ...production, ...more }))
    expect(warningsWith({ WEB: 'console' })).toEqual([
      expect.stringContaining('RESET_URL leads to a page that WEB leaves out'),
      expect.stringContaining('INVITATION_URL leads to a page that WEB leaves out'),
      expect.stringContaining('EMAIL_URL leads to a page that WEB leaves out'),
    ])
    const RESET_URL = '{origin}/reset#{token}'
    const own = { RESET_URL, INVITATION_URL: RESET_URL, EMAIL_URL: RESET_URL }
    expect(warningsWith({ WEB: 'off', ...own })).toEqual([])
    const open = { SIGN_UP: 'on', SMTP_URL: 'smtp://mail.app.test' }
    expect(warningsWith({ WEB: 'off', ...own, ...open })).toEqual([
      expect.stringContaining('SIGN_UP_URL leads to a page that WEB leaves out'),
    ])
    expect(warningsWith({ WEB: 'auth' })).toEqual([])
  })

  test('all faults are reported together', () => {
    const faults = faultsOf({
      NODE_ENV: 'production',
      PORT: 'eighty',
      TRUST_PROXY: 'everyone',
      SECRET_KEY: 'short',
      RATE_LIMIT: 'off',
    })
    expect(faults.map((it) => it.split(/[ =]/)[0]).sort()).toEqual(
      [
        ...[
          'BASE_DOMAINS',
          'DB_IDENTITY_URL',
          'DB_JOBS_URL',
          'DB_URL',
          'PORT',
          'PUBLIC_ORIGIN',
          'RATE_LIMIT',
        ],
        ...['SECRET_KEY', 'TRUST_PROXY'],
      ].sort(),
    )
  })
})

describe('an origin is compared by its meaning', () => {
  test.each([
    ['https://ui.test:443', 'https://ui.test'],
    ['http://UI.test:80/', 'http://ui.test'],
    ['HTTPS://ui.test:8443', 'https://ui.test:8443'],
    ['https://bücher.test', 'https://xn--bcher-kva.test'],
  ])('CORS_ORIGINS=%s is %s', (text, canonical) => {
    expect(loadConfig({ CORS_ORIGINS: text }).CORS_ORIGINS).toEqual([canonical])
  })

  test.each([
    ['App.Test', 'app.test'],
    ['app.test.', 'app.test'],
    ['bücher.test', 'xn--bcher-kva.test'],
    ['BÜCHER.test', 'xn--bcher-kva.test'],
    ['XN--BCHER-KVA.test', 'xn--bcher-kva.test'],
  ])('BASE_DOMAINS=%s is %s, as a Host header has it', (text, canonical) => {
    expect(loadConfig({ BASE_DOMAINS: text }).BASE_DOMAINS).toEqual([canonical])
  })

  test('PUBLIC_ORIGIN too', () => {
    const { PUBLIC_ORIGIN } = loadConfig({ PUBLIC_ORIGIN: 'HTTP://{tenant}.App.test:80/' })
    expect(PUBLIC_ORIGIN).toBe('http://{tenant}.app.test')
  })
})

describe('a malformed setting is rejected', () => {
  const wrong = {
    PORT: ['-1', '65536', '80.5', '0x50', ' 80', '1e3'],
    DB_URL: ['mysql://a@b/c', 'localhost:5432', 'postgresql://['],
    JWT_ALGORITHM: ['none', 'RS256', 'hs256'],
    ACCESS_TOKEN_EXPIRE_MINUTES: ['0', '61'],
    BASE_DOMAINS: ['*.app.test', 'http://app.test', 'app..test'],
    PUBLIC_ORIGIN: [
      'app.test',
      'https://{tenant}.app.test/x',
      'ftp://{tenant}.app.test',
      'data:x',
      'http://{tennant}.app.test',
    ],
    CORS_ORIGINS: [
      '*',
      'null',
      'https://*.app.test',
      'https://ui.test//',
      'https://user@ui.test',
      'https://ui.test/?x',
      'ui.test',
      'https://a.b,*',
    ],
    TRUST_PROXY: ['true', 'localhost', '*', '10', '10.0.0', '010.0.0.1', '10/8', '10.0.0.0/33'],
    RESET_URL: ['https://ui.test/reset', '/reset#{token}', '{token}', '{origin}/{id}#{token}'],
    MAIL_FROM: ['Example', 'no-reply@', 'a@x.test, b@x.test', 'Example <a@x.test'],
    MAIL_REPLY_TO: ['help', 'Help <help@x.test>', 'a@x.test,b@x.test'],
    SMTP_URL: ['mail.test', 'http://mail.test', 'smtp://user:a#b@mail.test'],
    TERMS_URL: ['app.test/terms', 'https://user:secret@app.test/terms'],
    LOG_LEVEL: ['loud'],
    RATE_LIMIT: ['no'],
  }
  test.each(
    Object.entries(wrong).flatMap(([name, values]) => values.map((value) => [name, value])),
  )('%s=%s', (name = '', value = '') => {
    const faults = faultsOf({ [name]: value })
    expect(faults).toEqual([expect.stringMatching(new RegExp(`^${name} (must|has)`))])
  })

  test('with an example of its own', () => {
    expect(faultsOf({ TERMS_URL: 'terms' })).toEqual([
      expect.stringContaining('https://example.com/terms'),
    ])
  })

  test('and what a rule of production needs of it does not count as missing', () => {
    const mail = { SIGN_UP: 'on', EMAIL_VERIFICATION: 'required', SMTP_URL: 'smpt://mail.app.test' }
    const metrics = { METRICS_PORT: '9464', METRICS_HOST: '0.0.0.0', METRICS_TOKEN: 'short' }
    expect(faultsOf({ ...production, ...mail, ...metrics })).toEqual([
      expect.stringMatching(/^SMTP_URL must/),
      expect.stringMatching(/^METRICS_TOKEN must/),
    ])
  })

  test('and a secret is not repeated', () => {
    const [fault] = faultsOf({ DB_URL: 'mysql://user:hunter2@db/saas' })
    expect(fault).not.toContain('hunter2')
    const [mail] = faultsOf({ SMTP_URL: 'http://user:hunter2@mail' })
    expect(mail).not.toContain('hunter2')
  })
})

test('each listener has a port of its own', () => {
  expect(faultsOf({ PORT: '8001', METRICS_PORT: '8001', INTERNAL_PORT: '8001' })).toEqual([
    'METRICS_PORT is 8001, as PORT is: choose another',
    'INTERNAL_PORT is 8001, as PORT is: choose another',
  ])
  expect(faultsOf({ METRICS_PORT: '9464', INTERNAL_PORT: '9464' })).toHaveLength(1)
  expect(faultsOf({ PORT: '0', METRICS_PORT: '0', INTERNAL_PORT: '0' })).toEqual([])
})

test('fewer than 4 threads are rejected, because sign-ins would then block everything else (AUTHN-3)', () => {
  expect(faultsOf({ UV_THREADPOOL_SIZE: '2' })).toEqual([
    expect.stringMatching(/^UV_THREADPOOL_SIZE .*4/),
  ])
  expect(faultsOf({ UV_THREADPOOL_SIZE: '16' })).toEqual([])
})

test('a trusted proxy is an address or a network, IPv4 or IPv6', () => {
  const { TRUST_PROXY } = loadConfig({ TRUST_PROXY: '10.0.0.0/8, 192.0.2.1,::1 , 2001:db8::/32' })
  expect(TRUST_PROXY.map(([base, bits]) => `${base}/${bits}`)).toEqual([
    '10.0.0.0/8',
    '192.0.2.1/32',
    '::1/128',
    '2001:db8::/32',
  ])
})

test.each([
  ['postgresql+asyncpg://u:p@h/db', 'postgresql://u:p@h/db'],
  [
    'postgresql://h:5433/db?user=u&password=p%26q&sslmode=disable',
    'postgresql://u:p%26q@h:5433/db?sslmode=disable',
  ],
  ['postgresql://u:p@/db?host=/sock', 'postgresql://u:p@localhost/db?host=/sock'],
  ['postgresql:///db?host=/sock&user=u', 'postgresql://u@localhost/db?host=%2Fsock'],
  ['postgresql:///db', 'postgresql:///db'],
])('a DSN has user and password where the code replaces them: %s', (given, read) => {
  expect(databaseUrl(given)).toBe(read)
})

test.each(['mysql://u:p@h/db', 'postgresql://u:a#b@h/db', 'postgresql://u:a/b@h/db'])(
  'a DSN that URL would read otherwise is rejected: %s',
  (dsn) => {
    expect(() => databaseUrl(dsn)).toThrow('percent-encoded')
  },
)
