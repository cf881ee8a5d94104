import type pg from 'pg'
import { withClient } from '../../../db/connect/with_client.ts'
import type { RoleUrls } from '../../../db/provisioning/roles.ts'
import type { World } from './world.ts'

/** The number of tenants, and of rows for each tenant in every table that the API fills. */
export interface Scale {
  tenants: number
  rows: number
}

/** Fills every table of tenants with copies of a row that the API created, as `scale` says. */
export async function fillTables(urls: RoleUrls, { a, api }: World, scale: Scale): Promise<void> {
  // A job would hold a lock that dropping a foreign key waits for.
  await api.running.settle()
  // Read first: an enum is known by its check, which is dropped.
  const tables = await withClient(urls.platform, readTables)
  const after = await withClient(urls.owner, prepareTables)
  await withClient(urls.platform, async (client) => {
    await client.query('set statement_timeout = 0')
    await client.query(tenantsSql, [scale.tenants - 1])
    for (const table of tables) {
      const template = table.name === 'tenantry.users' ? a.admin.id : a.tenant.id
      await client.query(copiesSql(table), [template, scale.tenants, scale.rows, a.tenant.id])
    }
  })
  await withClient(urls.owner, async (client) => {
    await client.query(after.join(';'))
    await client.query('analyze')
  })
}

// Drops what checks each copied row, or sends an invalidation for it: no plan of a route depends on that. An
// index is built after the rows in a fraction of the time that adding them one by one takes. Returns the
// statements that restore the indexes and the invalidations.
async function prepareTables(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query<{ before: string; after: string | null }>(preparationsSql)
  await client.query(rows.map((it) => it.before).join(';'))
  return rows.flatMap(({ after }) => (after === null ? [] : [after]))
}

async function readTables(client: pg.Client): Promise<Table[]> {
  const { rows } = await client.query<Table>(tablesSql)
  return rows
}

interface Table {
  name: string
  columns: Column[]
}

interface Column {
  name: string
  type: string
  defaulted: boolean
  unique: boolean
  readable: boolean
}

// Row n of a table refers to row n of the others: ids are derived from n.
function copiesSql({ name, columns: all }: Table): string {
  // The platform role cannot read hashes: a unique one is made up, another one stays NULL.
  const readable = all.filter((it) => it.readable).map((it) => `"${it.name}"`)
  const columns = all.filter((it) => it.readable || it.unique)
  const names = columns.map((it) => `"${it.name}"`)
  const owner = name === 'tenantry.users' ? 'id' : 'tenant_id'
  return `
    with template as (select ${readable.join(', ')} from ${name} where ${owner} = $1 limit 1),
      tenants as materialized (
        select t::bigint as number, case when t = 0 then $4::uuid else ${idFrom('01910000', 't')} end as id
        from generate_series(0, $2::int - 1) t)
    insert into ${name} (${names.join(', ')})
    select ${columns.map(expressionOf).join(', ')}
    from template s, tenants t, generate_series(1, $3::int) i,
      lateral (select t.number * $3::int + i as n) as n,
      -- Not merged into the query, which would compute the id for each column.
      lateral (select ${idFrom('01900000', 'n')} as id offset 0) as ids`.concat(
    owner === 'id' ? ' where $4::uuid is not null' : '',
    // A table whose key has no other column than the tenant and an enum has few rows of each tenant.
    ' on conflict do nothing',
  )
}

function expressionOf({ name, type, defaulted, unique }: Column): string {
  if (name === 'tenant_id') return 't.id'
  const given = `s."${name}"`
  if (type === 'uuid') {
    return defaulted ? given : `case when ${given} is not null then ids.id end`
  }
  if (!unique) return given
  // Without a separator, which a check of names may not allow.
  if (type === 'text') return `left(${given}, 20) || n`
  if (type === 'bytea') return 'sha256(n::text::bytea)'
  return `n::text::${type}`
}

function idFrom(prefix: string, number: string): string {
  return `('${prefix}-0000-7000-8000-' || lpad(to_hex(${number}), 12, '0'))::uuid`
}

const preparationsSql = `
  select format('alter table %s drop constraint %I', con.conrelid::regclass, conname) as before, null as after
  from pg_constraint con join pg_class c on c.oid = con.conrelid
  where contype in ('c', 'f') and c.relnamespace in ('public'::regnamespace, 'tenantry'::regnamespace)
    and conparentid = 0 and coninhcount = 0
  union all
  select format('drop policy %I on %s', polname, polrelid::regclass), null
  from pg_policy where polcmd = 'a' and not polpermissive
  union all
  select format('alter table %s disable trigger %I', tgrelid::regclass, tgname),
    format('alter table %s enable always trigger %I', tgrelid::regclass, tgname)
  from pg_trigger where tgname like 'invalidate%' and not tgisinternal
  union all
  select format('drop index %s', indexrelid::regclass),
    replace(pg_get_indexdef(indexrelid), ' ON ONLY ', ' ON ')
  from pg_index i join pg_class c on c.oid = i.indrelid
  where not indisunique and not indisexclusion and not c.relispartition
    and c.relnamespace in ('public'::regnamespace, 'tenantry'::regnamespace)`

const tenantsSql = `
  insert into tenantry.tenants (id, name, subdomain, code)
  select ${idFrom('01910000', 't')}, 'Copy', 'copy-' || t, 'COPY_' || t
  from generate_series(1, $1::int) t`

const tablesSql = `
  select c.oid::regclass::text as name, json_agg(json_build_object(
    'readable', has_column_privilege(c.oid, a.attnum, 'select'),
    'name', a.attname, 'type', format_type(a.atttypid, null), 'defaulted', a.atthasdef,
    'unique', exists (select from pg_index i
        where i.indrelid = c.oid and i.indisunique and a.attnum = any (i.indkey::int2[]))
      -- An enum cannot vary with each row; another column of the index does.
      and not exists (select from pg_constraint con
        where con.conrelid = c.oid and con.contype = 'c' and con.conkey = array[a.attnum]
          and pg_get_constraintdef(con.oid) like any (array['% ANY (%', '% = ''%'])))) as columns
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
  join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    and a.attgenerated = '' and a.attidentity = '' and has_column_privilege(c.oid, a.attnum, 'insert')
  where c.relkind in ('r', 'p') and not c.relispartition and n.nspname in ('public', 'tenantry')
    and has_any_column_privilege(c.oid, 'insert')
    and (c.oid = 'tenantry.users'::regclass or exists (select from pg_attribute t
      where t.attrelid = c.oid and t.attname = 'tenant_id' and not t.attisdropped))
  group by c.oid order by 1`
