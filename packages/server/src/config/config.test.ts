import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { OperatorError } from '../lib/operator_error.ts'
import { loadConfig, readEnvironment } from './config.ts'
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
    for (const word of ['prod', 'Production', 'PRODUCTION', 'production ']) {
      expect(loadConfig({ NODE_ENV: word }).production).toBe(false)
    }
    expect(loadConfig({ PROD_ENV: 'prod' }).production).toBe(false)
  })

  test('PROD_ENV=prod keeps the tenant of localhost, as in the seed', () => {
    const tenantOf = (changes: object) =>
      loadConfig({ ...production, ...changes }).DEFAULT_DEV_TENANT
    expect(tenantOf({ PROD_ENV: 'prod' })).toBe('public')
    expect(tenantOf({ PROD_ENV: 'prod', DEFAULT_DEV_TENANT: 'client1' })).toBe('client1')
    expect(tenantOf({ PROD_ENV: 'dev' })).toBeUndefined()
  })

  test.each(['DB_URL', 'DB_IDENTITY_URL', 'SECRET_KEY', 'BASE_DOMAINS', 'PUBLIC_ORIGIN'])(
    'requires %s',
    (name) => {
      expect(faultsOf({ ...production, [name]: undefined })).toEqual([
        `${name} is required in production`,
      ])
      expect(faultsOf({ ...production, [name]: '' })).toEqual([`${name} is required in production`])
    },
  )

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

  test('rejects RATE_LIMIT=off', () => {
    expect(faultsOf({ ...production, RATE_LIMIT: 'off' })).toEqual([
      'RATE_LIMIT=off is not allowed in production',
    ])
    expect(faultsOf({ RATE_LIMIT: 'off' })).toEqual([])
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
        ...['BASE_DOMAINS', 'DB_IDENTITY_URL', 'DB_URL', 'PORT', 'PUBLIC_ORIGIN', 'RATE_LIMIT'],
        ...['SECRET_KEY', 'TRUST_PROXY'],
      ].sort(),
    )
  })
})

describe('a malformed setting is rejected', () => {
  const wrong = {
    PORT: ['-1', '65536', '80.5', '0x50', ' 80', '1e3'],
    DB_URL: ['mysql://a@b/c', 'localhost:5432', 'postgresql://['],
    JWT_ALGORITHM: ['none', 'RS256', 'hs256'],
    ACCESS_TOKEN_EXPIRE_MINUTES: ['0', '61'],
    BASE_DOMAINS: ['*.app.test', 'http://app.test', 'app..test'],
    PUBLIC_ORIGIN: ['app.test', 'https://{tenant}.app.test/x', 'ftp://{tenant}.app.test', 'data:x'],
    CORS_ORIGINS: [
      '*',
      'null',
      'https://*.app.test',
      'https://ui.test/',
      'ui.test',
      'https://a.b,*',
    ],
    TRUST_PROXY: ['true', 'localhost', '*', '10', '10.0.0', '010.0.0.1', '10/8', '10.0.0.0/33'],
    RESET_URL: ['https://ui.test/reset', '/reset#{token}', '{token}'],
    SMTP_URL: ['mail.test', 'http://mail.test'],
    LOG_LEVEL: ['loud'],
    RATE_LIMIT: ['no'],
  }
  test.each(
    Object.entries(wrong).flatMap(([name, values]) => values.map((value) => [name, value])),
  )('%s=%s', (name = '', value = '') => {
    const faults = faultsOf({ [name]: value })
    expect(faults).toEqual([expect.stringMatching(new RegExp(`^${name} (must|has)`))])
  })

  test('and a secret is not repeated', () => {
    const [fault] = faultsOf({ DB_URL: 'mysql://user:hunter2@db/saas' })
    expect(fault).not.toContain('hunter2')
    const [mail] = faultsOf({ SMTP_URL: 'http://user:hunter2@mail' })
    expect(mail).not.toContain('hunter2')
  })
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
