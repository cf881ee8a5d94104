import { createHash } from 'node:crypto'
import pg from 'pg'
import { inject } from 'vitest'

/** Shorter values, such as a status or the name of a role, occur in any tenant. */
export const MIN_DISTINCTIVE_LENGTH = 8

/**
 * Every row of a tenant, by table, as JSON text. Read as the platform role, which sees all rows, but no
 * column with a hash.
 */
export async function rowsOf(tenantId: string): Promise<Map<string, string[]>> {
  pool ??= openPool()
  const { rows: tables } = await pool.query<TenantTable>(tenantTables)
  const { rows } = await pool.query<{ name: string; row: string }>(
    `${tables.map(rowsSql).join(' union all ')} order by 1, 2`,
    [tenantId],
  )
  const found = new Map(tables.map(({ name }): [string, string[]] => [name, []]))
  for (const { name, row } of rows) found.get(name)?.push(row)
  return found
}

function rowsSql({ name, owner, columns }: TenantTable): string {
  return `select ${pg.escapeLiteral(name)} as name, to_jsonb(t)::text as row
    from (select ${columns} from ${name} where ${owner} = $1) t`
}

// The sweeps look at the rows before and after each request: opening a connection for each look took more
// time than the requests.
let pool: pg.Pool | undefined

function openPool(): pg.Pool {
  const opened = new pg.Pool({
    connectionString: inject('tenantryDatabase').platform,
    // The sweep of connections excuses it by this name.
    application_name: 'tenantry sweeps',
    idleTimeoutMillis: 1_000,
    allowExitOnIdle: true,
  })
  // The database is dropped while the connection is idle.
  opened.on('error', () => {})
  return opened
}

interface TenantTable {
  name: string
  /** The column that names the tenant. */
  owner: string
  /** The columns that the client's role can read, as SQL. */
  columns: string
}

/** The tables of tenants. */
export async function tablesOf(client: pg.Client): Promise<TenantTable[]> {
  const { rows } = await client.query<TenantTable>(tenantTables)
  return rows
}

/** A hash over all rows of a tenant, by table. */
export type Fingerprint = ReadonlyMap<string, string>

export async function fingerprintOf(tenantId: string): Promise<Fingerprint> {
  const rows = [...(await rowsOf(tenantId))]
  return new Map(rows.map(([table, lines]) => [table, sha256(lines.join('\n'))]))
}

/** The tables that differ between two fingerprints. */
export function changedTables(before: Fingerprint, after: Fingerprint): string[] {
  return [...after].filter(([table, hash]) => before.get(table) !== hash).map(([table]) => table)
}

/** The distinctive values of a tenant's rows, by table. */
export async function valuesByTable(tenantId: string): Promise<Map<string, Set<string>>> {
  const rows = await rowsOf(tenantId)
  return new Map([...rows].map(([table, lines]) => [table, distinctValues(lines)]))
}

/** The distinctive values of a tenant's rows: ids, names, addresses. */
export async function valuesOf(tenantId: string): Promise<Set<string>> {
  return distinctValues([...(await rowsOf(tenantId)).values()].flat())
}

/** The distinctive values of a tenant's rows, by column: `projects.name`. */
export async function valuesByColumn(tenantId: string): Promise<Map<string, Set<string>>> {
  const found = new Map<string, Set<string>>()
  for (const [table, lines] of await rowsOf(tenantId)) {
    for (const row of lines) {
      for (const [column, value] of Object.entries(JSON.parse(row))) {
        const values = found.get(`${table}.${column}`) ?? new Set()
        for (const it of distinctValues([JSON.stringify([value])])) values.add(it)
        found.set(`${table}.${column}`, values)
      }
    }
  }
  return found
}

function distinctValues(rows: readonly string[]): Set<string> {
  return new Set(
    rows
      .flatMap((row) => textsIn(JSON.parse(row)))
      .filter((it) => it.length >= MIN_DISTINCTIVE_LENGTH),
  )
}

/** Every text in a value, at any depth. */
export function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value]
  if (typeof value !== 'object' || value === null) return []
  return Object.values(value).flatMap(textsIn)
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

const tenantTables = `
  select c.oid::regclass::text as name,
    case when c.oid = 'tenantry.tenants'::regclass then 'id' else 'tenant_id' end as owner,
    (select string_agg(quote_ident(a.attname), ', ' order by a.attnum) from pg_attribute a
      where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        and has_column_privilege(c.oid, a.attnum, 'select')) as columns
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p') and not c.relispartition and n.nspname in ('public', 'tenantry')
    and (c.oid = 'tenantry.tenants'::regclass or exists (select from pg_attribute a
      where a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped))
  order by 1`
