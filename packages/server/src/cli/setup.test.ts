import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseEnv } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Finished, makeWorkplace, type Workplace } from '../../test/cli.ts'
import { type EmbeddedPostgres, startEmbedded } from '../db/embedded.ts'
import { withClient, withDatabase } from '../db/setup.ts'
import { send } from '../testing/http_client.ts'

// A server of its own: its roles get other passwords than those the other tests rely on.
const dataDir = mkdtempSync(join(tmpdir(), 'tenantry-setup-'))
const places: Workplace[] = []
let postgres: EmbeddedPostgres
beforeAll(async () => {
  postgres = await startEmbedded({ dataDir, ephemeral: true })
  await sql("create role builder login createrole createdb password 'builder'")
})
afterAll(async () => {
  await Promise.all(places.map((it) => it.remove()))
  await postgres.stop()
  rmSync(dataDir, { recursive: true, force: true })
})

const production = {
  NODE_ENV: 'production',
  SECRET_KEY: randomBytes(32).toString('base64'),
  BASE_DOMAINS: 'example.com',
  PUBLIC_ORIGIN: 'https://{tenant}.example.com',
}

// In this order: each test finds the roles as the one before it left them.
describe('a server of one’s own', { timeout: 90_000 }, () => {
  const first = newPlace()
  const second = newPlace()
  let dsns: Record<string, string> = {}

  test("the seed's .env works as it stands, its role setting everything up and never serving", async () => {
    first.write('.env', seedEnvironment('builder', 'builder'))
    const server = first.launch('start')
    const [, port] = await server.says(/ready at http:\/\/127\.0\.0\.1:(\d+)/)
    const sessions = await sql(
      "select usename from pg_stat_activity where datname = 'saas_db' group by 1 order by 1",
    )
    // Never as the administrator.
    expect(sessions).toEqual([{ usename: 'tenantry_app' }, { usename: 'tenantry_identity' }])
    const { stdout } = await signInAndStop(server, Number(port), 'localhost', 'admin@public.com')
    expect(stdout).toContain('WARN SECRET_KEY is shorter than 32 bytes')
    expect(stdout).toContain('saas_db')
    expect(statSync(join(first.folder, '.data/roles.json')).mode & 0o777).toBe(0o600)
    expect(await sql('select datname from pg_database where datname = $1', ['saas_db'])).toEqual([
      { datname: 'saas_db' },
    ])
  })

  test('another folder on that server agrees with the first one on the passwords', async () => {
    const other = newPlace()
    other.write('.env', seedEnvironment('builder', 'builder'))
    expect((await other.run('tenant list')).stdout).toContain('client2')
  })

  test('says what to do where the passwords of the roles are not known', async () => {
    const DB_URL = withDatabase(postgres.adminUrl, 'other_db')
    expectOneLine(
      await second.run('start', { DB_URL }),
      'exist at 127.0.0.1:',
      'run: tenantry setup --reset-passwords',
    )
    const databases = await sql('select datname from pg_database where datname = $1', ['other_db'])
    expect(databases).toEqual([])
  })

  test('setup changes no password unless it is told to', async () => {
    const DB_ADMIN_URL = withDatabase(postgres.adminUrl, 'live_db')
    const kept = await second.run('setup', { NODE_ENV: 'production', DB_ADMIN_URL })
    expect(kept.stdout).toContain('# DB_URL: tenantry_app keeps its password')
    expect((await first.run('tenant list')).code).toBe(0)

    const reset = await second.run('setup --reset-passwords', {
      NODE_ENV: 'production',
      DB_ADMIN_URL,
    })
    expect(reset.stderr).toBe('live_db is ready: 0 migrations applied\n')
    const printed = parseEnv(reset.stdout)
    dsns = Object.fromEntries(Object.entries(printed).map(([name, url]) => [name, url ?? '']))
    expect(Object.keys(dsns).sort()).toEqual([
      'DB_IDENTITY_URL',
      'DB_OWNER_URL',
      'DB_PLATFORM_URL',
      'DB_URL',
    ])
    expectOneLine(await first.run('tenant list'), 'tenantry setup --reset-passwords')
  })

  test('production runs on what setup printed, from first tenant to first sign-in', async () => {
    const place = newPlace()
    const { DB_URL = '', DB_IDENTITY_URL = '' } = dsns
    const server = place.launch('start', { ...production, DB_URL, DB_IDENTITY_URL })
    const [, port] = await server.says(
      /"url":"http:\/\/127\.0\.0\.1:(\d+)","ms":\d+,"msg":"listening"/,
    )

    const operator = { ...production, ...dsns }
    const created = await place.run(
      'tenant create --name "Acme Inc." --subdomain acme --admin-email ann@acme.com --json',
      operator,
    )
    const { admin, code } = JSON.parse(created.stdout)
    expect([code, admin.roles]).toEqual(['ACME', ['admin_tenant']])
    const [origin, token] = admin.reset_link.split('/reset-password#token=')
    expect(origin).toBe('https://acme.example.com')

    const host = 'acme.example.com'
    const password = 'correct horse battery'
    const post = (path: string, body: object) =>
      send(Number(port), { method: 'POST', path, headers: { host }, body })
    await post('/api/auth/reset-password', { token, new_password: password })
    const signedIn = await post('/api/auth/login', { email: 'ann@acme.com', password })
    expect(signedIn.json).toMatchObject({ tenant: 'acme', roles: ['admin_tenant'] })

    expect((await place.run('tenant suspend acme', operator)).code).toBe(0)
    expect((await send(Number(port), { path: '/', headers: { host } })).status).toBe(403)
    server.process.kill('SIGTERM')
    expect((await server.finished).code).toBe(0)
  })

  test('RLS-15 each use of the operators’ door is logged with its reason', async () => {
    const place = newPlace()
    const operator = { ...production, ...dsns }
    await place.run('tenant resume acme --reason "invoice 4711 is paid"', operator)
    const logs = await sql('select reason from tenantry.platform_logs order by id', [], 'live_db')
    expect(logs).toEqual([
      {
        reason:
          'tenantry tenant create --name Acme Inc. --subdomain acme --admin-email ann@acme.com --json',
      },
      { reason: 'tenantry tenant suspend acme' },
      { reason: 'invoice 4711 is paid' },
    ])
  })

  test('an empty database is taken over, one in use never', async () => {
    await sql('create database empty_db')
    await sql('create database used_db')
    await sql('create table theirs (id int)', [], 'used_db')
    const environment = { NODE_ENV: 'production', DB_ADMIN_URL: '' }
    const setup = (database: string) =>
      newPlace().run('setup', {
        ...environment,
        DB_ADMIN_URL: withDatabase(postgres.adminUrl, database),
      })
    const [empty, used] = await Promise.all([setup('empty_db'), setup('used_db')])
    expect(empty.code).toBe(0)
    expectOneLine(used, 'database "used_db" exists, belongs to "postgres" and is in use')
  })

  function seedEnvironment(user: string, password: string): string {
    const host = new URL(postgres.adminUrl).host
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
})

function newPlace(): Workplace {
  const place = makeWorkplace()
  places.push(place)
  return place
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

function sql(text: string, values: unknown[] = [], database = 'postgres'): Promise<unknown[]> {
  return withClient(withDatabase(postgres.adminUrl, database), async (client) => {
    const { rows } = await client.query(text, values)
    return rows
  })
}

function expectOneLine({ code, stderr }: Finished, ...words: string[]): void {
  expect(stderr.trimEnd().split('\n')).toEqual([expect.stringMatching(/^tenantry: /)])
  for (const word of words) expect(stderr).toContain(word)
  expect(code).toBe(1)
}
