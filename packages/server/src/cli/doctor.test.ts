import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { makeWorkplace } from '../../test/cli.ts'
import { type DatabaseUrls, onMigratedDatabase, sharedDatabase } from '../../test/databases.ts'
import { withClient } from '../db/setup.ts'

const place = makeWorkplace()
afterAll(() => place.remove())

interface Report {
  ok: boolean
  checks: { name: string; state: string; detail: string }[]
  settings: { name: string; value?: string; source: string }[]
}

describe.concurrent('tenantry doctor', { timeout: 30_000 }, () => {
  test('makes nothing where nothing was started yet', async () => {
    const { code, stdout } = await place.run('doctor')
    expect(stdout).toMatch(/ok +database +the embedded database is not made yet/)
    expect(code).toBe(0)
    expect(existsSync(join(place.folder, '.data'))).toBe(false)
  })

  test('OPS-6 shows every setting, where it comes from, and no secret', async () => {
    const own = makeWorkplace()
    own.write('.env', 'SECRET_KEY=change-me\nSMTP_URL=smtp://ann:hush@mail.example.com')
    const { stdout } = await own.run('doctor --json', { ...dsns(), LOG_LEVEL: 'warn' })
    const { settings, checks }: Report = JSON.parse(stdout)
    expect(settings).toEqual(
      expect.arrayContaining([
        { name: 'SECRET_KEY', value: '(9 bytes)', source: '.env' },
        { name: 'SMTP_URL', value: 'smtp://ann:***@mail.example.com', source: '.env' },
        { name: 'LOG_LEVEL', value: 'warn', source: 'environment' },
        { name: 'JWT_ALGORITHM', value: 'HS256', source: 'default' },
      ]),
    )
    expect(stdout).not.toMatch(/hush|change-me/)
    for (const url of Object.values(dsns())) expect(stdout).not.toContain(new URL(url).password)
    expect(stateOf(checks, 'secret key')).toBe('warn')
    await own.remove()
  })

  test('finds nothing wrong with a database as it should be', async () => {
    const { code, stdout } = await place.run('doctor --json', dsns())
    const { ok, checks }: Report = JSON.parse(stdout)
    expect([code, ok]).toEqual([0, true])
    for (const name of ['roles', 'row-level security', 'migrations']) {
      expect([name, stateOf(checks, name)]).toEqual([name, 'ok'])
    }
  })

  test('RLS-12 an old server is a warning in development and a fault in production', async () => {
    const run = async (environment: Record<string, string>) => {
      const { stdout, code } = await place.run('doctor --json', { ...dsns(), ...environment })
      const { checks }: Report = JSON.parse(stdout)
      return { code, state: stateOf(checks, 'server version') }
    }
    const [development, production] = await Promise.all([run({}), run(productionSettings)])
    // The server of the tests may be a new one.
    const old = development.state === 'warn'
    expect(development).toEqual({ code: 0, state: old ? 'warn' : 'ok' })
    expect(production).toEqual(old ? { code: 1, state: 'fail' } : { code: 0, state: 'ok' })
  })

  test('RLS-1 names each table that is not protected, and exits 1', async () => {
    await onMigratedDatabase(async (urls) => {
      await withClient(urls.owner, (owner) =>
        owner.query(
          'create table bare (tenant_id uuid, name text); grant select on bare to tenantry_app',
        ),
      )
      const { code, stdout } = await place.run('doctor', dsns(urls))
      expect(stdout).toMatch(/FAIL +row-level security +L1 bare: /)
      expect(stdout).toMatch(/FAIL +row-level security +L13 public\.bare: /)
      expect(code).toBe(1)
    })
  })

  test('says what is wrong with the settings, and still looks at the database', async () => {
    const { code, stdout } = await place.run('doctor', { ...dsns(), NODE_ENV: 'production' })
    expect(stdout).toMatch(/FAIL +settings +SECRET_KEY is required in production/)
    expect(stdout).toMatch(/ok +roles/)
    expect(code).toBe(1)
    const broken = await place.run('doctor', { ...dsns(), PORT: 'x' })
    expect(broken.stdout).toMatch(/FAIL +settings +PORT must be a whole number/)
    expect(broken.code).toBe(1)
  })
})

const productionSettings = {
  NODE_ENV: 'production',
  SECRET_KEY: randomBytes(32).toString('base64'),
  BASE_DOMAINS: 'example.com',
  PUBLIC_ORIGIN: 'https://{tenant}.example.com',
}

function dsns(urls: DatabaseUrls = sharedDatabase()): Record<string, string> {
  const { app, identity, platform } = urls
  return { DB_URL: app, DB_IDENTITY_URL: identity, DB_PLATFORM_URL: platform }
}

function stateOf(checks: Report['checks'], name: string): string | undefined {
  return checks.find((it) => it.name === name)?.state
}
