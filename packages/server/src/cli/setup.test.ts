import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseEnv } from 'node:util'
import type pg from 'pg'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type Finished, makeWorkplace, type Workplace } from '../../test/fixtures/cli.ts'
import { withDatabase } from '../db/connect/dsn.ts'
import { withClient } from '../db/connect/with_client.ts'
import { startEmbedded } from '../db/embedded/embedded.ts'
import { allRoles, roles } from '../db/provisioning/roles.ts'
import { send } from '../testing/http_client.ts'

const production = {
  NODE_ENV: 'production',
  SECRET_KEY: randomBytes(32).toString('base64'),
  BASE_DOMAINS: 'example.com',
  PUBLIC_ORIGIN: 'https://{tenant}.example.com',
}

// Each test has a server: roles belong to a whole server, and these tests change their passwords.
describe('tenantry setup on an external server', { timeout: 90_000 }, () => {
  test("the seed's .env works unchanged: its role sets everything up and never serves requests", async () => {
    const own = await startServer()
    const place = newPlace()
    place.write('.env', own.seedEnvironment)
    const server = place.launch('start')
    const [, port] = await server.says(/ready at http:\/\/127\.0\.0\.1:(\d+)/)
    const sessions = await own.sql(
      "select usename from pg_stat_activity where datname = 'saas_db' group by 1 order by 1",
    )
    // No session of the administrator.
    const serving = ['tenantry_app', 'tenantry_identity', 'tenantry_jobs']
    expect(sessions).toEqual(serving.map((usename) => ({ usename })))
    const { stdout } = await signInAndStop(server, Number(port), 'localhost', 'admin@public.com')
    expect(stdout).toContain('WARN SECRET_KEY is shorter than 32 bytes')
    expect(stdout).toContain('saas_db')
    expect(statSync(join(place.folder, '.data/roles.json')).mode & 0o777).toBe(0o600)
    expect(await own.databases('saas_db')).toBe(1)
  })

  test('two folders agree on the passwords of one server', async () => {
    const own = await startServer()
    const [first, second] = [newPlace(), newPlace()]
    for (const place of [first, second]) place.write('.env', own.seedEnvironment)
    const setUp = await first.run('setup')
    expect([setUp.code, setUp.stderr]).toEqual([0, expect.stringContaining('saas_db is ready')])
    expect((await second.run('tenant list')).code).toBe(0)
    expect((await first.run('tenant list')).code).toBe(0)
  })

  test('says what to do if the passwords of the roles are not known', async () => {
    const own = await startServer()
    await newPlace().setUp(own)
    const DB_URL = withDatabase(own.adminUrl, 'other_db')
    expectOneLine(
      await newPlace().run('start', { DB_URL }),
      'exist at 127.0.0.1:',
      'run: tenantry setup --reset-passwords',
    )
    expect(await own.databases('other_db')).toBe(0)
  })

  test('setup keeps the passwords unless --reset-passwords is given', async () => {
    const own = await startServer()
    const place = newPlace()
    const before = await place.setUp(own)
    const lists = () => place.run('tenant list', { ...production, ...before })
    const DB_ADMIN_URL = withDatabase(own.adminUrl, 'live_db')
    const environment = { NODE_ENV: 'production', DB_ADMIN_URL }
    const again = await place.run('setup', environment)
    expect(again.stdout).toContain('# DB_URL: tenantry_app keeps its password')
    expect((await lists()).code).toBe(0)

    const reset = await place.run('setup --reset-passwords', environment)
    expect(reset.stderr).toBe('live_db is ready: 0 migrations applied\n')
    const after = parseEnv(reset.stdout)
    expect(Object.keys(after).sort()).toEqual(Object.keys(before).sort())
    const rejected = await lists()
    expect([rejected.code, rejected.stderr]).toEqual([1, expect.stringMatching(/^tenantry: /)])
    expect((await place.run('tenant list', { ...production, ...after })).code).toBe(0)
  })

  test('setup sets the passwords of the DSNs in the environment, and prints none of them', async () => {
    const own = await startServer()
    const place = newPlace()
    const DB_ADMIN_URL = withDatabase(own.adminUrl, 'live_db')
    const environment = { NODE_ENV: 'production', DB_ADMIN_URL, ...dsnsWith(DB_ADMIN_URL, 'first') }
    // A deployment runs the same command each time.
    for (const migrations of [
      /^live_db is ready: [1-9]\d* migrations applied\n$/,
      /: 0 migrations applied\n$/,
    ]) {
      const setUp = await place.run('setup', environment)
      expect(setUp.stderr).toMatch(migrations)
      expect(parseEnv(setUp.stdout)).toEqual({})
      expect(setUp.stdout).not.toContain('first')
    }
    expect((await place.run('tenant list', environment)).code).toBe(0)

    const other = { ...environment, ...dsnsWith(DB_ADMIN_URL, 'second') }
    expectOneLine(await place.run('setup', other), 'has another password at', '--reset-passwords')
    expect((await place.run('tenant list', environment)).code).toBe(0)
    expect((await place.run('setup --reset-passwords', other)).code).toBe(0)
    expect((await place.run('tenant list', other)).code).toBe(0)
    expectOneLine(await place.run('tenant list', environment), 'password authentication failed')
  })

  test('prints DSNs that a shell reads whole, and none of the administrator', async () => {
    const own = await startServer()
    const place = newPlace()
    const { host } = new URL(own.adminUrl)
    const query = 'user=builder&password=builder&sslmode=disable&application_name=set-up'
    const DB_ADMIN_URL = `postgresql://${host}/live_db?${query}`
    const { stdout } = await place.run('setup', { NODE_ENV: 'production', DB_ADMIN_URL })
    expect(stdout).not.toContain('builder')
    place.write('dsns.env', stdout)
    const script = 'set -a; . ./dsns.env; env'
    const read = parseEnv(execFileSync('sh', ['-c', script], { cwd: place.folder }).toString())
    expect(read).toMatchObject(parseEnv(stdout))
    for (const role of allRoles) {
      const { [roles[role].setting]: dsn = '' } = read
      expect(dsn).toMatch(/\/live_db\?sslmode=disable&application_name=set-up$/)
      expect(await withClient(dsn, currentUser)).toBe(roles[role].name)
    }
  })

  test('production runs with the DSNs that setup printed, from the first tenant to the first sign-in', async () => {
    const own = await startServer()
    const place = newPlace()
    const dsns = await place.setUp(own)
    const { DB_URL = '', DB_IDENTITY_URL = '', DB_JOBS_URL = '' } = dsns
    const server = place.launch('start', { ...production, DB_URL, DB_IDENTITY_URL, DB_JOBS_URL })
    const [, port] = await server.says(
      /"url":"http:\/\/127\.0\.0\.1:(\d+)","ms":\d+,"msg":"listening"/,
    )

    const platformAdmin = { ...production, ...dsns }
    const created = await place.run(`${createAcme} --json`, platformAdmin)
    const { admin, code } = JSON.parse(created.stdout)
    expect([code, admin.roles]).toEqual(['ACME', ['admin_tenant']])
    const [origin, token] = admin.reset_link.split('/auth/reset-password#token=')
    expect(origin).toBe('https://acme.example.com')

    const host = 'acme.example.com'
    const password = 'correct horse battery'
    const post = (path: string, body: object) =>
      send(Number(port), { method: 'POST', path, headers: { host }, body })
    await post('/api/auth/reset-password', { token, new_password: password })
    const signedIn = await post('/api/auth/login', { email: 'ann@acme.com', password })
    expect(signedIn.json).toMatchObject({ tenant: 'acme', roles: ['admin_tenant'] })

    expect((await place.run('tenant suspend acme', platformAdmin)).code).toBe(0)
    expect((await send(Number(port), { path: '/', headers: { host } })).status).toBe(403)
    server.process.kill('SIGTERM')
    expect((await server.finished).code).toBe(0)
  })

  test('RLS-15 each use of the platform role is logged with its reason', async () => {
    const own = await startServer()
    const place = newPlace()
    const platformAdmin = { ...production, ...(await place.setUp(own)) }
    const commands = [createAcme, 'tenant suspend acme']
    for (const command of [...commands, 'tenant resume acme --reason "invoice 4711 is paid"']) {
      expect((await place.run(command, platformAdmin)).code).toBe(0)
    }
    const logs = await own.sql('select reason from tenantry.platform_logs order by id', 'live_db')
    expect(logs).toEqual([
      ...commands.map((it) => ({ reason: `tenantry ${it.replaceAll('"', '')}` })),
      { reason: 'invoice 4711 is paid' },
    ])
  })

  test('takes over an empty database, but none that is in use', async () => {
    const own = await startServer()
    await own.sql('create database empty_db')
    await own.sql('create database used_db')
    await own.sql('create table existing (id int)', 'used_db')
    const setup = (database: string) => {
      const DB_ADMIN_URL = withDatabase(own.adminUrl, database)
      return newPlace().run('setup', { NODE_ENV: 'production', DB_ADMIN_URL })
    }
    const [empty, used] = await Promise.all([setup('empty_db'), setup('used_db')])
    expect([empty.code, empty.stderr]).toEqual([0, expect.stringContaining('is ready')])
    expectOneLine(used, 'database "used_db" exists, belongs to "postgres" and is in use')
  })
})

async function currentUser(client: pg.Client): Promise<unknown> {
  const { rows } = await client.query<{ user: string }>('select current_user as user')
  return rows[0]?.user
}

const createAcme = 'tenant create --name "Acme Inc." --subdomain acme --admin-email ann@acme.com'

function dsnsWith(adminUrl: string, password: string): Record<string, string> {
  const dsn = (role: string) =>
    Object.assign(new URL(adminUrl), {
      username: `tenantry_${role}`,
      password: `${password}-${role}`,
    }).href
  return {
    DB_URL: dsn('app'),
    DB_IDENTITY_URL: dsn('identity'),
    DB_JOBS_URL: dsn('jobs'),
    DB_OWNER_URL: dsn('owner'),
    DB_PLATFORM_URL: dsn('platform'),
    DB_BACKUP_URL: dsn('backup'),
  }
}

interface Place extends Workplace {
  /** Sets `live_db` up for production and returns the printed DSNs. */
  setUp(server: Server): Promise<Record<string, string>>
}

function newPlace(): Place {
  const place = makeWorkplace()
  onTestFinished(() => place.remove())
  return {
    ...place,
    async setUp({ adminUrl }) {
      const DB_ADMIN_URL = withDatabase(adminUrl, 'live_db')
      const { stdout } = await place.run('setup', { NODE_ENV: 'production', DB_ADMIN_URL })
      const printed = Object.entries(parseEnv(stdout)).map(([name, url]) => [name, url ?? ''])
      expect(printed.map(([name]) => name).sort()).toEqual([
        'DB_BACKUP_URL',
        'DB_IDENTITY_URL',
        'DB_JOBS_URL',
        'DB_OWNER_URL',
        'DB_PLATFORM_URL',
        'DB_URL',
      ])
      return Object.fromEntries(printed)
    },
  }
}

interface Server {
  adminUrl: string
  /** The seed's .env, with DSNs of a role that may create roles and databases. */
  seedEnvironment: string
  sql(text: string, database?: string): Promise<unknown[]>
  /** The number of databases with this name. */
  databases(name: string): Promise<number>
}

/** Starts an empty server, which stops when the test has finished. */
async function startServer(): Promise<Server> {
  const dataDir = mkdtempSync(join(tmpdir(), 'tenantry-setup-'))
  const { adminUrl, stop } = await startEmbedded({ dataDir, ephemeral: true })
  onTestFinished(async () => {
    await stop()
    rmSync(dataDir, { recursive: true, force: true })
  })
  const sql = (text: string, database = 'postgres') =>
    withClient(withDatabase(adminUrl, database), async (it) => (await it.query(text)).rows)
  await sql("create role builder login createrole createdb password 'builder'")
  return {
    adminUrl,
    seedEnvironment: seedEnvironment(new URL(adminUrl).host, 'builder', 'builder'),
    sql,
    databases: async (name) =>
      (await sql(`select from pg_database where datname = '${name}'`)).length,
  }
}

function seedEnvironment(host: string, user: string, password: string): string {
  return [
    'SECRET_KEY=change-me',
    `DB_URL=postgresql+asyncpg://${user}:${password}@${host}/saas_db`,
    `TEST_DB_URL=postgresql+asyncpg://${user}:${password}@${host}/saas_db_test`,
    'JWT_ALGORITHM=HS256',
    'ACCESS_TOKEN_EXPIRE_MINUTES=15',
    'REFRESH_TOKEN_EXPIRE_DAYS=14',
    'DEFAULT_DEV_TENANT=public',
    'DEFAULT_TEST_TENANT=client1',
    'PROD_ENV=prod',
    'TEST_ENV=test',
  ].join('\n')
}

async function signInAndStop(
  server: ReturnType<Workplace['launch']>,
  port: number,
  host: string,
  email: string,
): Promise<Finished> {
  const body = { email, password: 'admin123' }
  const path = '/api/auth/login'
  const reply = await send(port, { method: 'POST', path, headers: { host }, body })
  expect(reply.json).toMatchObject({ tenant: 'public' })
  server.process.kill('SIGTERM')
  return server.finished
}

function expectOneLine({ code, stderr }: Finished, ...words: string[]): void {
  expect(stderr.trimEnd().split('\n')).toEqual([expect.stringMatching(/^tenantry: /)])
  for (const word of words) expect(stderr).toContain(word)
  expect(code).toBe(1)
}
