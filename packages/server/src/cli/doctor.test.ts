import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { makeWorkplace } from '../../test/cli.ts'
import { type DatabaseUrls, onMigratedDatabase, sharedDatabase } from '../../test/databases.ts'
import { withClient } from '../db/setup.ts'

const place = makeWorkplace()
afterAll(() => place.remove())

/** What it says of the tests' database, in development. */
let development: Report

interface Report {
  ok: boolean
  checks: { name: string; state: string; detail: string }[]
  settings: { name: string; value?: string; source: string }[]
}

describe('tenantry doctor', { timeout: 90_000 }, () => {
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
    const { settings }: Report = JSON.parse(stdout)
    expect(settings).toEqual(
      expect.arrayContaining([
        { name: 'SECRET_KEY', value: '(9 bytes)', source: '.env' },
        { name: 'SMTP_URL', value: 'smtp://ann:***@mail.example.com', source: '.env' },
        { name: 'LOG_LEVEL', value: 'warn', source: 'environment' },
        { name: 'JWT_ALGORITHM', value: 'HS256', source: 'default' },
        { name: 'BASE_DOMAINS', value: 'localhost,local.com', source: 'default' },
      ]),
    )
    expect(stdout).not.toMatch(/hush|change-me/)
    for (const url of Object.values(dsns())) expect(stdout).not.toContain(new URL(url).password)
    await own.remove()
    development = JSON.parse(stdout)
  })

  test('finds nothing wrong with a database as it should be', () => {
    const { ok, checks } = development
    const names = ['roles', 'row-level security', 'role settings', 'migrations']
    const states = names.map((it) => stateOf(checks, it))
    expect([ok, ...states]).toEqual([true, 'ok', 'ok', 'ok', 'ok'])
    expect(stateOf(checks, 'large objects')).toBeUndefined()
    expect(stateOf(checks, 'secret key')).toBe('warn')
  })

  test('OPS-6 RLS-12 production: bad settings and an old server are faults', async () => {
    const { code, stdout } = await place.run('doctor --json', { ...dsns(), NODE_ENV: 'production' })
    const { ok, checks }: Report = JSON.parse(stdout)
    expect([code, ok]).toEqual([1, false])
    const settings = checks.filter(({ name }) => name === 'settings').map(({ detail }) => detail)
    expect(settings).toContain('SECRET_KEY is required in production')
    expect(stateOf(checks, 'roles')).toBe('ok')
    // The server of the tests may be a new one.
    const old = stateOf(development.checks, 'server version') === 'warn'
    expect(stateOf(checks, 'server version')).toBe(old ? 'fail' : 'ok')
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

  test('names what a role has made of its own settings, and large objects', async () => {
    await onMigratedDatabase(async (urls) => {
      const here = `in database ${new URL(urls.app).pathname.slice(1)}`
      await withClient(urls.app, (app) =>
        app.query(`alter role current_user ${here} set statement_timeout = 0`),
      )
      await withClient(urls.admin, (admin) =>
        admin.query('grant execute on function lo_create(oid) to public'),
      )
      const { code, stdout } = await place.run('doctor', dsns(urls))
      expect(stdout).toMatch(
        /FAIL +role settings +L15 tenantry_app \(statement_timeout = 0\): .*run: tenantry setup/,
      )
      expect(stdout).toMatch(/WARN +large objects +L16 tenantry_app, tenantry_identity/)
      expect(code).toBe(1)
    })
  })

  test('says what is wrong with the settings', async () => {
    const broken = await place.run('doctor', { ...dsns(), PORT: 'x' })
    expect(broken.stdout).toMatch(/FAIL +settings +PORT must be a whole number/)
    expect(broken.code).toBe(1)
  })
})

function dsns(urls: DatabaseUrls = sharedDatabase()): Record<string, string> {
  const { app, identity, platform } = urls
  return { DB_URL: app, DB_IDENTITY_URL: identity, DB_PLATFORM_URL: platform }
}

function stateOf(checks: Report['checks'], name: string): string | undefined {
  return checks.find((it) => it.name === name)?.state
}
