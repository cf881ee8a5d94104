import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { isDeepStrictEqual } from 'node:util'
import { afterAll, describe, expect, onTestFinished, test } from 'vitest'
import { createPasswords } from '../../src/access/passwords.ts'
import { withClient } from '../../src/db/connect/with_client.ts'
import { findingText, lint } from '../../src/db/lint/lint.ts'
import { lintRules } from '../../src/db/lint/rules.ts'
import { type History, migrateUp } from '../../src/db/migrations/migrate.ts'
import { send } from '../../src/testing/http_client.ts'
import { appWith, makeWorkplace } from '../fixtures/cli.ts'
import { appMigrations, type DatabaseUrls, onEmptyDatabase } from '../fixtures/databases.ts'
import { insertSample, type Sample } from './sample_rows.ts'
import { schemaOf } from './schema_dump.ts'

/** The migrations of each released version; `npm run release:snapshot` writes one. */
const released = join(import.meta.dirname, '../../../../released')
const versions = await readdir(released)
const PASSWORD = 'correct horse battery'

const kernelNow: History = { name: 'kernel', folder: join(import.meta.dirname, '../../migrations') }

/** A later kernel: it adds a column to a table of tenants' rows, and a table. */
const NEWER = `
  alter table tenantry.members add nickname text not null default 'none';
  alter table tenantry.members no force row level security;
  update tenantry.members set nickname = 'member';
  alter table tenantry.members force row level security;
  create index members_by_nickname on tenantry.members (tenant_id, nickname);
  create table tenantry.notes (tenant_id uuid not null, id uuid not null, primary key (tenant_id, id));
  select tenantry.make_tenant_table('tenantry.notes');`

/** It also changes the function that an app's migrations call, and forgets the tables made before. */
const CHANGED_FUNCTION = `
  alter function tenantry.make_tenant_table(regclass, text) rename to make_tenant_table_before;
  create function tenantry.make_tenant_table(relation regclass, plane text default null) returns void
  language plpgsql as $$
  begin
    perform tenantry.make_tenant_table_before(relation, plane);
    execute format('comment on table %s is %L', relation, 'of a tenant');
  end $$;`

/** A table that an app's user added to the fixture's. */
const OWN_TABLE = `
  create table tasks (tenant_id uuid not null, id uuid not null, project_id uuid not null,
    primary key (tenant_id, id),
    foreign key (tenant_id, project_id) references projects (tenant_id, id));
  create index tasks_by_project on tasks (tenant_id, project_id);
  select tenantry.make_tenant_table('tasks');`

const place = makeWorkplace('./app.ts')
afterAll(() => place.remove())

test('there is a version to upgrade from', () => {
  expect(versions).toContain('0.1.0')
})

describe.each(versions)('from %s', { timeout: 90_000 }, (version) => {
  test('a released migration never changes', async () => {
    const then = join(released, version, 'kernel')
    expect(await changedMigrations(then, kernelNow.folder)).toEqual([])
    const altered = await kernelWith({ '0001_tenancy.up.sql': 'select 1;' })
    await rm(join(altered.folder, '0004_audit.up.sql'))
    expect(await changedMigrations(then, altered.folder)).toEqual([
      expect.stringContaining('0001_tenancy.up.sql'),
      expect.stringContaining('0004_audit.up.sql'),
    ])
  })

  test("today's kernel keeps every row, makes the schema of a fresh install and serves", async () => {
    const app = await ownApp()
    await onUpgraded(version, kernelNow, app, async ({ urls, before, sample }) => {
      expect(lost(before, await rowsIn(urls))).toEqual([])
      expect(await schemaOf(urls.owner)).toEqual(await freshSchema(kernelNow, app))
      expect(await findings(urls)).toEqual([])
      await expectServes(urls, app, sample)
    })
  })

  test("a later kernel that expands tenants' tables keeps every row", async () => {
    const [kernel, app] = [await kernelWith({ '9001_newer.up.sql': NEWER }), await ownApp()]
    await onUpgraded(version, kernel, app, async ({ urls, before, done }) => {
      expect(done.at(-1)).toBe('kernel 9001_newer')
      const after = await rowsIn(urls)
      expect(lost(before, after)).toEqual([])
      expect(after.filter((it) => it.includes('"nickname":"member"'))).toHaveLength(2)
      expect(await schemaOf(urls.owner)).toEqual(await freshSchema(kernel, app))
      expect(await findings(urls)).toEqual([])
    })
  })

  test("the comparison finds a later kernel that forgets the app's earlier tables", async () => {
    const newer = { '9001_newer.up.sql': NEWER + CHANGED_FUNCTION }
    const [kernel, app] = [await kernelWith(newer), await ownApp()]
    await onUpgraded(version, kernel, app, async ({ urls }) => {
      const upgraded = await schemaOf(urls.owner)
      const fresh = await freshSchema(kernel, app)
      expect(fresh.filter((it) => !upgraded.includes(it))).toEqual([
        expect.stringMatching(/^relation r projects .* of a tenant$/),
        expect.stringMatching(/^relation r tasks .* of a tenant$/),
      ])
    })
  })
})

test('the comparison finds a row that an upgrade changes or removes', () => {
  const before = ['projects {"name":"Apollo"}', 'projects {"name":"Gemini"}']
  expect(lost(before, [...before, 'projects {"name":"Vostok"}'])).toEqual([])
  expect(lost(before, ['projects {"colour":"red","name":"Apollo"}'])).toEqual([before[1]])
  expect(lost(before, ['projects {"name":"apollo"}', ...before.slice(1)])).toEqual([before[0]])
})

interface Upgraded {
  urls: DatabaseUrls
  sample: Sample
  /** Every row from before the upgrade, one line each. */
  before: string[]
  /** The migrations that the upgrade applied. */
  done: string[]
}

/** Upgrades a database of this version that has an app's tables and two tenants. */
function onUpgraded(
  version: string,
  kernel: History,
  app: History,
  work: (upgraded: Upgraded) => Promise<void>,
): Promise<void> {
  return onEmptyDatabase(async (urls) => {
    const then: History = { name: 'kernel', folder: join(released, version, 'kernel') }
    await migrateUp(urls.owner, [then, app])
    const sample = await fill(urls)
    const before = await rowsIn(urls)
    expect(before.filter((it) => it.startsWith('tasks '))).toHaveLength(2)
    await work({ urls, sample, before, done: await migrateUp(urls.owner, [kernel, app]) })
  })
}

async function fill({ admin }: DatabaseUrls): Promise<Sample> {
  const hash = await createPasswords().hash(PASSWORD)
  return withClient(admin, async (client) => {
    await insertSample(client)
    const sample = await insertSample(client)
    await client.query('update tenantry.users set password_hash = $1', [hash])
    await client.query('insert into tasks select tenant_id, gen_random_uuid(), id from projects')
    return sample
  })
}

async function freshSchema(kernel: History, app: History): Promise<string[]> {
  return onEmptyDatabase(async ({ owner }) => {
    await migrateUp(owner, [kernel, app])
    return schemaOf(owner)
  })
}

async function expectServes(urls: DatabaseUrls, app: History, { rows }: Sample): Promise<void> {
  const migrations = pathToFileURL(app.folder).href
  place.write('app.ts', appWith(`migrations: new URL('${migrations}')`))
  const host = `${rows['tenantry.tenants']?.['subdomain']}.localhost`
  const server = place.launch('start', { DB_URL: urls.app, DB_IDENTITY_URL: urls.identity })
  const [, port] = await server.says(/ready at http:\/\/127\.0\.0\.1:(\d+)/)
  const call = (method: string, path: string, headers = {}, body?: object) =>
    send(Number(port), { method, path, headers: { host, ...headers }, body })
  const email = rows['tenantry.users']?.['email']
  const signedIn = await call('POST', '/api/auth/login', {}, { email, password: PASSWORD })
  expect(signedIn.status).toBe(200)
  const authorization = `Bearer ${signedIn.json.access_token}`
  const listed = await call('GET', '/api/projects', { authorization })
  expect(listed.json.items).toMatchObject([{ id: rows['projects']?.['id'], name: 'Apollo' }])
  server.process.kill('SIGTERM')
  expect((await server.finished).code).toBe(0)
}

/** The migrations of a folder that a later one has changed or removed. */
async function changedMigrations(then: string, now: string): Promise<string[]> {
  const changed: string[] = []
  for (const name of await readdir(then)) {
    const was = await readFile(join(then, name), 'utf8')
    const is = await readFile(join(now, name), 'utf8').catch(() => undefined)
    if (was !== is) changed.push(`${name} is released: leave it as it was and add a migration`)
  }
  return changed
}

/** The rows that are gone after the upgrade; a row may have gained columns. */
function lost(before: readonly string[], after: readonly string[]): string[] {
  const parse = (line: string) => {
    const [table = '', ...json] = line.split(/ (?=\{)/)
    return { table, row: JSON.parse(json.join(' ')) as Record<string, unknown> }
  }
  const left = after.map(parse)
  return before.filter((line) => {
    const { table, row } = parse(line)
    const same = (it: Record<string, unknown>) =>
      Object.entries(row).every(([name, value]) => isDeepStrictEqual(it[name], value))
    return !left.some((it) => it.table === table && same(it.row))
  })
}

function rowsIn({ admin }: DatabaseUrls): Promise<string[]> {
  return withClient(admin, async (client) => {
    const { rows: tables } = await client.query<{ name: string }>(
      `select oid::regclass::text as name from pg_class where relkind = 'r' and relnamespace in
         ('tenantry'::regnamespace, 'public'::regnamespace) and relname !~ '_migrations$' order by 1`,
    )
    const lines: string[] = []
    for (const { name } of tables) {
      const { rows } = await client.query<{ row: object }>(
        `select to_jsonb(t) as row from ${name} t`,
      )
      lines.push(...rows.map(({ row }) => `${name} ${JSON.stringify(row)}`))
    }
    return lines
  })
}

async function findings({ app }: DatabaseUrls): Promise<string[]> {
  return withClient(app, async (client) => (await lint(client, lintRules)).map(findingText))
}

/** The fixture app's migrations, and one that its user added. */
async function ownApp(): Promise<History> {
  const folder = await copyWith(appMigrations, { '0099_tasks.up.sql': OWN_TABLE })
  return { name: 'app', folder }
}

async function kernelWith(files: Record<string, string>): Promise<History> {
  return { name: 'kernel', folder: await copyWith(kernelNow.folder, files) }
}

async function copyWith(from: string, files: Record<string, string>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tenantry-upgrade-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  await cp(from, folder, { recursive: true })
  for (const [name, sql] of Object.entries(files)) await writeFile(join(folder, name), sql)
  return folder
}
