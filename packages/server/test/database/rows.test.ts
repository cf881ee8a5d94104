import { randomBytes, randomUUID } from 'node:crypto'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Attempt, attempt } from '../fixtures/attempt.ts'
import { asRole, scopeUrls } from '../fixtures/databases.ts'
import {
  insertSample,
  insertSql,
  ownerKey,
  type Row,
  type Sample,
  sampledTables,
} from './sample_rows.ts'

// Two tenants whose rows differ in ids only. What one may see of the other's, and do to it, is tested
// on the database itself, without Tenantry's code in between.
let a: Sample
let b: Sample
let app: pg.Client
let privileges: Set<string>

beforeAll(async () => {
  ;[a, b] = await asRole('platform', async (client) => [
    await insertSample(client),
    await insertSample(client),
  ])
  app = new pg.Client(scopeUrls().app)
  await app.connect()
  privileges = await privilegesOfApp()
})
afterAll(() => app.end())

/** Runs SQL as the app role, for tenant A. */
const asA = (text: string, values: unknown[] = []) => attempt(app, a.tenantId, text, values)
const may = (privilege: string, table: string) => privileges.has(`${privilege} ${table}`)
const rowOf = (sample: Sample, table: string): Row => sample.rows[table] ?? {}
const denied = { code: '42501', rowCount: 0 }

test('these tests have a row of every table with a tenant', async () => {
  const { rows } = await asRole('platform', (client) =>
    client.query<{ name: string }>(`
      select a.attrelid::regclass::text as name from pg_attribute a
      join pg_class c on c.oid = a.attrelid
      where a.attname = 'tenant_id' and not a.attisdropped and c.relkind in ('r', 'p')
        -- No role can insert a row; erasure.test.ts has its tests.
        and c.oid <> 'tenantry.retained_logs'::regclass`),
  )
  expect(sampledTables).toEqual(expect.arrayContaining(rows.map((it) => it.name)))
})

describe.each(sampledTables)('%s', (table) => {
  const count = async (sample: Sample) => {
    const { column, value } = ownerKey(sample, table)
    return asA(`select ${column} from ${table} where ${column} = $1`, [value])
  }

  test("shows a tenant its own rows and none of another's (RLS-4)", async () => {
    expect(await count(b)).toMatchObject(
      may('select', table) ? { code: 'ok', rowCount: 0 } : denied,
    )
    expect(await count(a)).toMatchObject(
      may('select', table) ? { code: 'ok', rowCount: 1 } : denied,
    )
    const { column, value } = ownerKey(a, table)
    const all = await asA(`select ${column} as key from ${table}`)
    expect(all.rows.every((it) => it['key'] === value)).toBe(true)
  })

  test("lets no tenant change, lock or delete another's row (RLS-4)", async () => {
    const { column, value } = ownerKey(b, table)
    const where = `where ${column} = $1`
    for (const name of await columnsOf(table)) {
      expectNothingDone(await asA(`update ${table} set ${name} = ${name} ${where}`, [value]))
      expectNothingDone(await asA(`update ${table} set ${name} = default ${where}`, [value]))
    }
    expectNothingDone(await asA(`delete from ${table} ${where}`, [value]))
    expectNothingDone(await asA(`select ${column} from ${table} ${where} for update`, [value]))
  })

  test('accepts no row of another tenant, with or without ON CONFLICT (RLS-11)', async () => {
    const row = rowOf(b, table)
    const insert = insertSql(table, row)
    const key = Object.keys(row)[0]
    for (const onConflict of ['', 'on conflict do nothing']) {
      expect(await asA(`${insert} ${onConflict}`, [JSON.stringify(row)])).toMatchObject(denied)
    }
    const update = `on conflict (${await primaryKeyOf(table)}) do update set ${key} = excluded.${key}`
    expect(await asA(`${insert} ${update}`, [JSON.stringify(row)])).toMatchObject(denied)
  })

  test('copies out only visible rows, and accepts no COPY FROM (RLS-4)', async () => {
    const { column } = ownerKey(a, table)
    const out = await asA(`copy ${table} (${column}) to stdout`)
    expect(out).toMatchObject(may('select', table) ? { code: 'ok', rowCount: 1 } : denied)
    expect(['0A000', '42501']).toContain((await asA(`copy ${table} from stdin`)).code)
  })
})

const tenantTables = sampledTables.filter((it) => !/\.(tenants|users)$/.test(it))

describe.each(tenantTables)('%s', (table) => {
  test('lets no tenant move a row to another tenant (RLS-11)', async () => {
    const moved = await asA(`update ${table} set tenant_id = $1`, [b.tenantId])
    expect(moved).toMatchObject(denied)
  })

  test('fills in the tenant where an insert names none', async () => {
    const row = freshKeys(table, rowOf(a, table))
    delete row['tenant_id']
    const insert = `${insertSql(table, row)} ${onlyRow[table] ?? ''} returning tenant_id`
    const kept = await asA(insert, [JSON.stringify(row)])
    if (may('insert', table)) expect(kept.rows).toEqual([{ tenant_id: a.tenantId }])
    else expect(kept).toMatchObject(denied)
  })
})

test('another tenant may use the very same ids and names (RLS-6, RLS-7)', async () => {
  const tenant_id = randomUUID()
  const subdomain = `s-${randomBytes(6).toString('hex')}`
  const tenant = { ...rowOf(b, 'tenantry.tenants'), id: tenant_id, subdomain, code: 'X' }
  await asRole('platform', async (client) => {
    await client.query('begin')
    await client.query(insertSql('tenantry.tenants', tenant), [JSON.stringify(tenant)])
    for (const table of tenantTables) {
      const row = { ...rowOf(b, table), tenant_id }
      const { rowCount } = await client.query(insertSql(table, row), [JSON.stringify(row)])
      expect(rowCount).toBe(1)
    }
    await client.query('rollback')
  })
})

test("a row cannot reference another tenant's, and the error is that of an unknown id (RLS-5)", async () => {
  const keys = await tenantForeignKeys()
  expect(keys.length).toBeGreaterThanOrEqual(4)
  for (const { child, columns } of keys) {
    const own = freshKeys(child, rowOf(a, child))
    const foreign = { ...own, ...pick(rowOf(b, child), columns) }
    const unknown = { ...own, ...Object.fromEntries(columns.map((it) => [it, randomUUID()])) }
    const toForeign = await asA(insertSql(child, foreign), [JSON.stringify(foreign)])
    const toUnknown = await asA(insertSql(child, unknown), [JSON.stringify(unknown)])
    expect(toForeign.code).toBe(may('insert', child) ? '23503' : '42501')
    expect(masked(toForeign)).toEqual(masked(toUnknown))
  }
})

test('switching row-level security off is an error, and shows no more rows (RLS-2)', async () => {
  await app.query('set row_security = off')
  const seen = await asA('select id from projects')
  await app.query('reset row_security')
  expect(seen).toMatchObject(denied)
})

function expectNothingDone({ code, rowCount }: Attempt): void {
  expect(['ok', '42501']).toContain(code)
  expect(rowCount).toBe(0)
}

// A tenant can have no second row.
const onlyRow: Readonly<Record<string, string>> = {
  'tenantry.tenant_assets':
    'on conflict (tenant_id, kind) do update set media_type = excluded.media_type',
}

/** The row with a new primary key: another child of the same parents. */
function freshKeys(table: string, row: Row): Row {
  const fresh: Record<string, Row> = {
    'tenantry.domains': { name: `${randomUUID()}.example.com` },
    'tenantry.roles': { id: randomUUID(), name: 'another' },
    'tenantry.invitations': { email_key: `${randomUUID()}@example.com` },
    'tenantry.invitation_roles': { role: 'another' },
    'tenantry.role_permissions': { permission: 'projects:create' },
    'tenantry.member_roles': { role: 'another' },
    'tenantry.refresh_tokens': { hash: `\\x${randomBytes(32).toString('hex')}` },
    projects: { id: randomUUID(), name: 'Gemini' },
  }
  return { ...row, ...('id' in row ? { id: randomUUID() } : {}), ...fresh[table] }
}

function pick(row: Row, columns: string[]): Row {
  return Object.fromEntries(columns.map((it) => [it, row[it] ?? '']))
}

function masked({ code, message, detail }: Attempt): string[] {
  return [code, message, detail.replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '<id>')]
}

async function columnsOf(table: string): Promise<string[]> {
  const { rows } = await app.query<{ name: string }>(
    `select attname as name from pg_attribute
     where attrelid = $1::regclass and attnum > 0 and not attisdropped
       -- No update may name a generated column.
       and attgenerated = ''`,
    [table],
  )
  return rows.map((it) => it.name)
}

async function primaryKeyOf(table: string): Promise<string> {
  const { rows } = await app.query<{ columns: string }>(
    `select string_agg(a.attname, ', ') as columns from pg_index i
     join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any (i.indkey)
     where i.indrelid = $1::regclass and i.indisprimary`,
    [table],
  )
  return rows[0]?.columns ?? ''
}

/** The foreign keys between tables with a tenant, and their columns other than the tenant. */
async function tenantForeignKeys(): Promise<{ child: string; columns: string[] }[]> {
  const { rows } = await app.query<{ child: string; columns: string[] }>(`
    select f.conrelid::regclass::text as child, array(
      select a.attname::text from pg_attribute a
      where a.attrelid = f.conrelid and a.attnum = any (f.conkey) and a.attname <> 'tenant_id'
    ) as columns
    from pg_constraint f
    where f.contype = 'f' and exists (select from pg_attribute a
      where a.attrelid = f.confrelid and a.attname = 'tenant_id')`)
  return rows
}

async function privilegesOfApp(): Promise<Set<string>> {
  const { rows } = await app.query<{ held: string }>(
    `select privilege || ' ' || name as held from unnest($1::text[]) name,
       unnest(array['select', 'insert']) privilege
     where has_any_column_privilege(name, privilege)`,
    [sampledTables],
  )
  return new Set(rows.map((it) => it.held))
}
