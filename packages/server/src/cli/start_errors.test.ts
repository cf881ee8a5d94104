import { randomBytes } from 'node:crypto'
import { existsSync, readdirSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterAll, describe, expect, inject, test } from 'vitest'
import { appWith, type Finished, makeWorkplace } from '../../test/fixtures/cli.ts'
import {
  type DatabaseUrls,
  onEmptyDatabase,
  onMigratedDatabase,
  sharedDatabase,
} from '../../test/fixtures/databases.ts'
import { refusedSettings } from '../../test/fixtures/refused_settings.ts'
import { withDatabase } from '../db/connect/dsn.ts'
import { withClient } from '../db/connect/with_client.ts'

const place = makeWorkplace()
afterAll(() => place.remove())

const production = {
  NODE_ENV: 'production',
  WORKER: 'off',
  SECRET_KEY: randomBytes(32).toString('base64'),
  BASE_DOMAINS: 'example.com',
  PUBLIC_ORIGIN: 'https://{tenant}.example.com',
}

// Each prints one line (or one for each fault), exits with 1 and starts nothing.
describe('tenantry start rejects', { timeout: 90_000 }, () => {
  test('OPS-6 malformed settings, all together', async () => {
    const { code, stderr } = await place.run('start', {
      PORT: 'eighty',
      DB_URL: 'mysql://localhost/x',
      LOG_LEVEL: 'chatty',
    })
    expect(code).toBe(1)
    expect(lines(stderr)).toEqual([
      'tenantry: PORT must be a whole number from 0 to 65535 (it is "eighty")',
      'tenantry: DB_URL must look like postgresql://user:password@host:5432/database, ' +
        'with special characters of the password percent-encoded',
      expect.stringContaining('LOG_LEVEL must be one of'),
    ])
  })

  test('OPS-6 production with missing and weak settings', async () => {
    const { code, stderr } = await place.run('start', {
      NODE_ENV: 'production',
      SECRET_KEY: 'change-me',
      RATE_LIMIT: 'off',
    })
    expect(code).toBe(1)
    for (const name of [
      'DB_URL',
      'DB_IDENTITY_URL',
      'DB_JOBS_URL',
      'BASE_DOMAINS',
      'PUBLIC_ORIGIN',
    ]) {
      expect(stderr).toContain(`${name} is required in production`)
    }
    expect(stderr).toContain('SECRET_KEY is shorter than 32 bytes')
    expect(stderr).toContain('RATE_LIMIT must not be off in production')
  })

  test('OPS-6 every setting that undoes what production promises', async () => {
    const SECRET_KEY = randomBytes(48).toString('hex')
    const { app: DB_URL, identity: DB_IDENTITY_URL } = sharedDatabase()
    const sound = {
      ...production,
      ...{ DB_URL, DB_IDENTITY_URL, SECRET_KEY },
      ...{ BASE_DOMAINS: 'app.test', PUBLIC_ORIGIN: 'https://{tenant}.app.test' },
    }
    for (const together of disjoint(refusedSettings(SECRET_KEY))) {
      const settings = Object.assign({}, ...together.map(([changes]) => changes))
      const { code, stderr } = await place.run('start', { ...sound, ...settings })
      expect(code).toBe(1)
      for (const [, words] of together) expect(stderr).toContain(`tenantry: ${words}`)
    }
  })

  test('OPS-6 OPS-7 nothing, but warns, when it is given DSNs that a server never uses', async () => {
    const { app: DB_URL, identity: DB_IDENTITY_URL, owner, platform } = sharedDatabase()
    const given = { DB_URL, DB_IDENTITY_URL, DB_OWNER_URL: owner, DB_PLATFORM_URL: platform }
    const server = place.launch('start', { ...production, ...given })
    await server.says(/listening/)
    server.process.kill('SIGTERM')
    const { stdout } = await server.finished
    for (const name of ['DB_OWNER_URL', 'DB_PLATFORM_URL']) {
      expect(stdout).toContain(`${name} is in the environment of a server, which never uses it`)
    }
    expect(stdout).not.toContain(new URL(owner).password)
  })

  test('a port in use, before it starts the database', async () => {
    const blocker = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => blocker.once('listening', resolve))
    const address = blocker.address()
    const port = typeof address === 'object' ? String(address?.port) : ''
    const own = makeWorkplace()
    expectOneLine(
      await own.run('start', { PORT: port }),
      `port ${port} is in use: stop the other program or set PORT`,
    )
    expect(readdirSync(join(own.folder, '.data'))).toEqual([])
    blocker.close()
    await own.remove()
  })

  test('a DATA_DIR that is a file', async () => {
    const DATA_DIR = join(place.folder, 'package.json')
    expectOneLine(
      await place.run('start', { DATA_DIR }),
      `${DATA_DIR} is not a folder: set DATA_DIR to a folder`,
    )
  })

  test.each([
    ['where nothing listens', { port: '1' }, 'nothing listens at'],
    [
      'whose host does not resolve',
      { hostname: 'nowhere.invalid' },
      'does not resolve: correct it',
    ],
    ['whose password is wrong', { password: 'wrong' }, 'rejects "postgres"'],
  ])('a DB_URL %s', async (_what, change, text) => {
    const url = new URL(withDatabase(inject('tenantryDatabase').admin, 'saas_db'))
    const { href: DB_URL } = Object.assign(url, change)
    const rejection = await place.run('start', { DB_URL })
    expectOneLine(rejection, `DB_URL: `, text)
    expect(rejection.stderr).not.toContain(url.password)
  })

  test('a DB_URL without a database for Tenantry', async () => {
    const DB_URL = withDatabase(inject('tenantryDatabase').admin, 'postgres')
    expectOneLine(
      await place.run('start', { DB_URL }),
      'DB_URL must end with the name of a database for Tenantry',
    )
  })

  test('a DB_URL whose role may not create roles, without the other DSNs', async () => {
    const DB_URL = sharedDatabase().app
    expectOneLine(
      await place.run('start', { DB_URL }),
      'DB_URL: "tenantry_app" may not create roles and databases',
    )
  })

  test('RLS-3 a superuser', async () => {
    const { admin, identity } = sharedDatabase()
    expectOneLine(
      await place.run('start', { ...production, DB_URL: admin, DB_IDENTITY_URL: identity }),
      'DB_URL: "postgres" can bypass row-level security (superuser)',
    )
  })

  test("RLS-3 one role's DSN in the setting of another", async () => {
    const { platform, app } = sharedDatabase()
    const { stderr } = await place.run('start', { DB_URL: platform, DB_IDENTITY_URL: app })
    expect(lines(stderr)).toEqual([
      expect.stringContaining('DB_URL: "tenantry_platform" is not tenantry_app'),
      expect.stringContaining('DB_IDENTITY_URL: "tenantry_app" is not tenantry_identity'),
    ])
  })

  test('RLS-1 an accessible table without forced row-level security, unless it is listed', async () => {
    await onMigratedDatabase(async (urls) => {
      await withClient(urls.owner, async (owner) => {
        await owner.query('create table countries (code text primary key)')
        await owner.query('grant select on countries to tenantry_app')
      })
      expectOneLine(await place.run('start', served(urls)), 'L13 public.countries')
      const own = makeWorkplace('./app.ts')
      own.write('app.ts', appWith("unprotectedTables: { countries: 'the same for all tenants' }"))
      const server = own.launch('start', served(urls))
      await server.says(/"msg":"listening"/)
      await own.remove()
      expect((await server.finished).code).toBe(0)
    })
  })

  test('RLS-1 RLS-10 every violation of the catalog rules in production; elsewhere it warns', async () => {
    await onMigratedDatabase(async (urls) => {
      await withClient(urls.owner, (owner) =>
        owner.query(`
          create policy wide on projects for select to tenantry_app using (true);
          create view everything as select * from projects;
          create materialized view copied as select * from projects;
          grant select on copied to tenantry_app;
          create function peek() returns int language sql security definer return 1;
          grant execute on function peek() to tenantry_app;
          create unique index by_name on projects (name) include (tenant_id);
          create table forgotten (name text)`),
      )
      const violated = ['L2', 'L3', 'L23', 'L4', 'L5', 'L6', 'L19', 'L8', 'L17']
      const { code, stderr } = await place.run('start', served(urls))
      expect(code).toBe(1)
      const said = lines(stderr).map((it) => /^tenantry: (L\d+) .+: .+; .+/.exec(it)?.[1])
      expect(said.sort()).toEqual(violated.sort())
      const { app: DB_URL, identity: DB_IDENTITY_URL } = urls
      const server = place.launch('start', { DB_URL, DB_IDENTITY_URL })
      await server.says(/ready at/)
      server.process.kill('SIGTERM')
      const { stdout } = await server.finished
      for (const rule of violated) expect(stdout).toMatch(new RegExp(`WARN.* ${rule} `))
    })
  })

  test('RLS-3 a listener that is a role with more privileges', async () => {
    const { owner, admin } = sharedDatabase()
    const environment = served(sharedDatabase())
    expectOneLine(
      await place.run('start', { ...environment, DB_LISTEN_URL: owner }),
      'DB_LISTEN_URL: "tenantry_owner" is not tenantry_app or tenantry_identity',
    )
    expectOneLine(
      await place.run('start', { ...environment, DB_LISTEN_URL: admin }),
      'DB_LISTEN_URL: "postgres" can bypass row-level security (superuser)',
    )
  })

  test('a schema behind the code in production, and a schema ahead of it anywhere', async () => {
    await onEmptyDatabase(async (urls) => {
      expectOneLine(
        await place.run('start', served(urls)),
        'the database is behind this code (missing 0001_tenancy',
        'run: tenantry migrate up',
      )
    })
    await onMigratedDatabase(async (urls) => {
      await withClient(urls.owner, (owner) =>
        owner.query(
          "insert into tenantry.app_migrations (name, run_on) values ('0099_later', now())",
        ),
      )
      const { app: DB_URL, identity: DB_IDENTITY_URL, owner: DB_OWNER_URL } = urls
      expectOneLine(
        await place.run('start', { DB_URL, DB_IDENTITY_URL, DB_OWNER_URL }),
        'the database is ahead of this code (it has 0099_later); deploy the newer code',
      )
    })
  })

  test('a database that does not exist', async () => {
    const { app, identity } = sharedDatabase()
    const DB_URL = withDatabase(app, 'nowhere')
    const DB_IDENTITY_URL = withDatabase(identity, 'nowhere')
    expectOneLine(
      await place.run('start', { ...production, DB_URL, DB_IDENTITY_URL }),
      'DB_URL: there is no database "nowhere"',
    )
  })

  test.each([
    ['a syntax error', 'export const app = {', 'cannot load app.ts', 'app.ts:1:'],
    ['an error while it is loaded', "throw new Error('my fault')", 'my fault', 'app.ts:1:'],
    ['no app', 'export const nothing = 1', 'app.ts exports no app'],
  ])('an app with %s', async (_what, source, ...words) => {
    const own = makeWorkplace('./app.ts')
    own.write('app.ts', source)
    expectOneLine(await own.run('start', { DB_URL: sharedDatabase().admin }), ...words)
    await own.remove()
  })

  test('a folder without an app', async () => {
    const own = makeWorkplace('./missing.ts')
    expectOneLine(await own.run('migrate status'), 'there is no app in', 'missing.ts')
    expect(existsSync(join(own.folder, '.data'))).toBe(false)
    await own.remove()
  })
})

// AUTHN-11: demo data would be accounts with known passwords.
describe('production rejects', { timeout: 90_000 }, () => {
  test.each([
    ['seed', 'demo data has well-known passwords'],
    ['reset --yes', 'does not run in production'],
    ['migrate down', 'production does not revert migrations'],
    ['migrate up', 'set DB_OWNER_URL to migrate'],
    ['dev', 'tenantry dev does not run in production'],
    ['setup', 'set DB_ADMIN_URL to the DSN of a role'],
  ])('tenantry %s', async (command, text) => {
    const { app: DB_URL, identity: DB_IDENTITY_URL, owner } = sharedDatabase()
    const environment = { ...production, DB_URL, DB_IDENTITY_URL }
    const owned = command === 'migrate down' ? { DB_OWNER_URL: owner } : {}
    expectOneLine(await place.run(command, { ...environment, ...owned }), text)
  })
})

test('an error prints its stack with LOG_LEVEL=debug only', {
  timeout: 90_000,
}, async () => {
  const quiet = await place.run('reset --yes', { NODE_ENV: 'production' })
  expect(quiet.stderr).not.toContain('    at ')
  const loud = await place.run('reset --yes', { NODE_ENV: 'production', LOG_LEVEL: 'debug' })
  expect(loud.stderr).toContain('    at ')
})

function served({ app, identity }: DatabaseUrls): Record<string, string> {
  return { ...production, DB_URL: app, DB_IDENTITY_URL: identity }
}

function expectOneLine({ code, stderr }: Finished, ...texts: string[]): void {
  expect(lines(stderr)).toEqual([expect.stringMatching(/^tenantry: /)])
  for (const text of texts) expect(stderr).toContain(text)
  expect(code).toBe(1)
}

function lines(text: string): string[] {
  return text.trimEnd().split('\n')
}

/** The rows in as few groups as possible, each with one value for a setting. */
function disjoint<T extends [Record<string, string>, string]>(rows: readonly T[]): T[][] {
  const groups: T[][] = []
  for (const row of rows) {
    const names = Object.keys(row[0])
    const free = groups.find((group) =>
      group.every(([settings]) => names.every((it) => !(it in settings))),
    )
    if (free === undefined) groups.push([row])
    else free.push(row)
  }
  return groups
}
