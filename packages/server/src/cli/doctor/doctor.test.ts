import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { cpSync, existsSync, rmSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { appWith, makeWorkplace } from '../../../test/fixtures/cli.ts'
import {
  appMigrations,
  type DatabaseUrls,
  onMigratedDatabase,
  sharedDatabase,
} from '../../../test/fixtures/databases.ts'
import { withClient } from '../../db/connect/with_client.ts'
import { kernelVersion } from '../../lib/kernel_version.ts'

const place = makeWorkplace()
afterAll(() => place.remove())

/** The report on the tests' database, in development. */
let development: Report

interface Report {
  ok: boolean
  checks: { name: string; state: string; detail: string }[]
  settings: { name: string; value?: string; source: string }[]
}

describe('tenantry doctor', { timeout: 90_000 }, () => {
  test('creates nothing before the first start', async () => {
    const { code, stdout } = await place.run('doctor')
    expect(stdout).toMatch(/ok +database +the embedded database does not exist yet/)
    expect(code).toBe(0)
    expect(existsSync(join(place.folder, '.data'))).toBe(false)
  })

  test('OPS-6 shows every setting and its source, but no secret', async () => {
    const own = makeWorkplace()
    own.write('.env', 'SECRET_KEY=change-me\nSMTP_URL=smtp://ann:hush@127.0.0.1:1\nDB_POL_MAX=5')
    const { stdout } = await own.run('doctor --json', { ...dsns(), LOG_LEVEL: 'warn' })
    const { settings }: Report = JSON.parse(stdout)
    expect(settings).toEqual(
      expect.arrayContaining([
        { name: 'SECRET_KEY', value: '(9 bytes)', source: '.env' },
        { name: 'SMTP_URL', value: 'smtp://ann:***@127.0.0.1:1', source: '.env' },
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

  test('reports no fault for a sound database', () => {
    const { ok, checks } = development
    const names = ['roles', 'row-level security', 'role settings', 'migrations']
    const states = names.map((it) => stateOf(checks, it))
    expect([ok, ...states]).toEqual([true, 'ok', 'ok', 'ok', 'ok'])
    expect(stateOf(checks, 'large objects')).toBeUndefined()
    expect(stateOf(checks, 'secret key')).toBe('warn')
  })

  test('reports a misspelled setting and an unreachable mail server', () => {
    expect(development.checks).toEqual(
      expect.arrayContaining([
        {
          name: 'settings',
          state: 'warn',
          detail: 'DB_POL_MAX is not a setting: did you mean DB_POOL_MAX?',
        },
        {
          name: 'mail',
          state: 'warn',
          detail: expect.stringMatching(
            /^smtp:\/\/ann:\*\*\*@127.* does not accept mail \(.*ECONNREFUSED/,
          ),
        },
      ]),
    )
  })

  test('OPS-6 RLS-12 production: bad settings and an old server are faults', async () => {
    const { code, stdout } = await place.run('doctor --json', { ...dsns(), NODE_ENV: 'production' })
    const { ok, checks }: Report = JSON.parse(stdout)
    expect([code, ok]).toEqual([1, false])
    const settings = checks.filter(({ name }) => name === 'settings').map(({ detail }) => detail)
    expect(settings).toContain('SECRET_KEY is required in production')
    expect(stateOf(checks, 'roles')).toBe('ok')
    // The tests may run on a server that has the fix.
    const isOld = stateOf(development.checks, 'server version') === 'warn'
    expect(stateOf(checks, 'server version')).toBe(isOld ? 'fail' : 'ok')
  })

  test('RLS-1 names each unprotected table, and exits with 1', async () => {
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

  test('reports settings that a role has changed, and large objects', async () => {
    await onMigratedDatabase(async (urls) => {
      const scope = `in database ${new URL(urls.app).pathname.slice(1)}`
      await withClient(urls.app, (app) =>
        app.query(`alter role current_user ${scope} set statement_timeout = 0`),
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

  test('counts the users who cannot sign in, and shows no hash', async () => {
    await onMigratedDatabase(async (urls) => {
      await withClient(urls.platform, (platform) =>
        platform.query(`
          insert into tenantry.users (id, email, email_key, password_hash)
          values (gen_random_uuid(), 'A@x.test', 'a@x.test', null),
            (gen_random_uuid(), 'b@x.test', 'b@x.test', '!'),
            (gen_random_uuid(), 'C@x.test', 'C@x.test', null),
            (gen_random_uuid(), 'd@x.test', 'd@x.test', '{noop}hush'),
            (gen_random_uuid(), 'e@x.test', 'e@x.test', 'hush hush'),
            (gen_random_uuid(), 'f@x.test', 'f@x.test',
              '{BLF-CRYPT}$2y$05$abcdefghijklmnopqrstuu2c1e4vZoCxDVRU9N6VCSSmNg4cQa1Ve')`),
      )
      const { stdout } = await place.run('doctor', dsns(urls))
      expect(stdout).toMatch(
        /WARN +users +no sign-in can use these password hashes: 1 of scheme unknown, 1 of scheme \{noop\}; set them to NULL/,
      )
      expect(stdout).toMatch(/WARN +users +no sign-in finds 1 users: email_key/)
      expect(stdout).not.toContain('hush')
    })
  })

  test('lists what an upgrade will do, and which migration to read first', async () => {
    const own = makeWorkplace('./app.ts')
    cpSync(appMigrations, join(own.folder, 'migrations'), { recursive: true })
    own.write('migrations/0002_fine.up.sql', 'create index by_name on projects (tenant_id, name);')
    own.write(
      'migrations/0003_risky.up.sql',
      '-- truncate?\nalter table projects drop  column name; delete from tasks;',
    )
    // The table of a list comes with a pending migration.
    const routes =
      'fixture.routes.map((it) => ({ ...it, list: it.list && { ...it.list, table: "later" } }))'
    const migrations = "new URL('./migrations', import.meta.url)"
    own.write('app.ts', appWith(`migrations: ${migrations}, routes: ${routes}`))
    const { code, stdout } = await own.run('doctor', dsns())
    expect(stdout).not.toContain('L27')
    const file = join(own.folder, 'migrations/0003_risky.up.sql')
    expect(stdout).toMatch(
      /FAIL +migrations +.*missing 0002_fine, 0003_risky\); run: tenantry migrate up/,
    )
    expect(stdout).toMatch(/ok +upgrade +migrate up will apply 2 migrations\n/)
    expect(stdout).toMatch(/ok +upgrade +app 0002_fine\n/)
    expect(stdout).toMatch(/WARN +upgrade +app 0003_risky has "drop column", "delete from": read /)
    expect(stdout).toContain(`read ${file} first\n`)
    expect(code).toBe(1)
    await own.remove()
  })

  test('shows its own version and the one that last migrated the database', async () => {
    await onMigratedDatabase(async (urls) => {
      const version = kernelVersion()
      const report = async () => (await place.run('doctor', dsns(urls))).stdout
      expect(await report()).toMatch(versions(version, version))
      await withClient(urls.owner, (owner) =>
        owner.query("comment on schema tenantry is 'migrated by tenantry 0.0.9'"),
      )
      expect(await report()).toMatch(versions(version, '0.0.9'))
    })
  })

  test('prints the results, and the settings on request only', async () => {
    const { stdout } = await place.run('doctor --settings', { LOG_LEVEL: 'loud' })
    expect(stdout).toMatch(/^STATE +CHECK[\s\S]*FAIL +settings +LOG_LEVEL[\s\S]*\nSETTING +VALUE/)
    const { stdout: short } = await place.run('doctor', { LOG_LEVEL: 'loud' })
    expect(short).not.toContain('SETTING')
    place.write('.env', 'METRICS_TENANTS=7')
    place.write('live.env', 'LOG_LEVEL=loud')
    const { stdout: chosen } = await place.run('doctor --settings --env-file live.env')
    rmSync(join(place.folder, '.env'))
    expect(chosen).toMatch(/^LOG_LEVEL +loud +live\.env$/m)
    expect(chosen).toMatch(/^METRICS_TENANTS +20 +default$/m)
  })

  test('makes the checks of start: NODE_ENV, ports, DATA_DIR and the DSNs', async () => {
    const squatter = createServer().listen(0, '127.0.0.1')
    await once(squatter, 'listening')
    const port = String((squatter.address() as AddressInfo).port)
    const faults = async (environment: Record<string, string>) => {
      const { code, stdout } = await place.run('doctor', environment)
      expect(code).toBe(1)
      return stdout
    }
    const folder = join(place.folder, 'package.json')
    const said = await faults({
      PORT: port,
      METRICS_PORT: port,
      DATA_DIR: join(folder, 'data'),
      DB_URL: 'postgresql://a:b@127.0.0.1:1/c',
    })
    expect(said).toMatch(new RegExp(`FAIL +port +port ${port} is in use: .* set PORT\n`))
    expect(said).toMatch(new RegExp(`FAIL +port +port ${port} is in use: .* set METRICS_PORT\n`))
    expect(said).toMatch(/FAIL +data folder +.*package.json is not a folder: set DATA_DIR/)
    expect(said).toMatch(/FAIL +database +DB_URL: nothing listens at 127.0.0.1:1/)
    expect(await faults({ DB_URL: 'postgresql://a:b@nowhere.invalid/c' })).toMatch(
      /FAIL +database +DB_URL: .*nowhere.invalid.* does not resolve/,
    )
    expect(await faults({ NODE_ENV: 'Production' })).toMatch(/FAIL +settings +NODE_ENV must be/)
    squatter.close()
  })

  test('reports jobs that are parked, and those that no worker takes', async () => {
    await onMigratedDatabase(async (urls) => {
      await withClient(urls.admin, async (admin) => {
        const tenant =
          "insert into tenantry.tenants (id, name, subdomain, code) values ($1, 'T', 't', 'T')"
        const id = randomUUID()
        await admin.query(tenant, [id])
        await admin.query(
          `insert into tenantry.jobs (tenant_id, id, kind, state, reason, run_at) values
            ($1, gen_random_uuid(), 'a.b', 'parked', 'failed', now()),
            ($1, gen_random_uuid(), 'a.b', 'ready', null, now() - interval '1 hour'),
            ($1, gen_random_uuid(), 'a.b', 'later', null, now() + interval '1 hour')`,
          [id],
        )
      })
      const { stdout } = await place.run('doctor', dsns(urls))
      expect(stdout).toMatch(/^WARN +jobs +1 parked: see `tenantry jobs list --state parked`$/m)
      expect(stdout).toMatch(/^WARN +jobs +1 ready for 15 minutes: does a worker run\?$/m)
    })
  })

  test('says where the backup DSN leads, and names a table that a dump would lack', async () => {
    await onMigratedDatabase(async (urls) => {
      const line = async (url: string) => {
        const { stdout } = await place.run('doctor', { ...dsns(urls), DB_BACKUP_URL: url })
        return stdout.split('\n').find((it) => /^\S+ +backup /.test(it))
      }
      expect(await line(urls.backup)).toMatch(/^ok +backup +DB_BACKUP_URL: tenantry_backup/)
      expect(await line(urls.owner)).toMatch(
        /^FAIL +backup .*"tenantry_owner" is not tenantry_backup/,
      )
      expect(await line(sharedDatabase().backup)).toMatch(/^FAIL +backup .*it leads to database/)
      await withClient(urls.owner, (owner) =>
        owner.query('drop policy backup_all_tenants on projects'),
      )
      const { code, stdout } = await place.run('doctor', dsns(urls))
      expect(stdout).toMatch(/FAIL +row-level security +L24 projects: the backup role cannot read/)
      expect(code).toBe(1)
    })
  })

  test('reports malformed settings', async () => {
    const broken = await place.run('doctor', { ...dsns(), PORT: 'x' })
    expect(broken.stdout).toMatch(/FAIL +settings +PORT must be a whole number/)
    expect(broken.code).toBe(1)
  })
})

function dsns(urls: DatabaseUrls = sharedDatabase()): Record<string, string> {
  const { app, identity, jobs, platform } = urls
  return {
    DB_URL: app,
    DB_IDENTITY_URL: identity,
    DB_JOBS_URL: jobs,
    DB_PLATFORM_URL: platform,
  }
}

function versions(code: string, database: string): RegExp {
  return new RegExp(
    `ok +version +tenantry ${code}; the database was last migrated by tenantry ${database}\n`,
  )
}

function stateOf(checks: Report['checks'], name: string): string | undefined {
  return checks.find((it) => it.name === name)?.state
}
