import { randomBytes } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import type pg from 'pg'
import { inject } from 'vitest'
import type { App } from '../../../app/define_app.ts'
import { withDatabase } from '../../../db/connect/dsn.ts'
import { withClient } from '../../../db/connect/with_client.ts'
import { histories, migrateUp } from '../../../db/migrations/migrate.ts'
import { storeIdentityScope } from '../../../db/provisioning/identity_scope.ts'
import { provisionDatabase } from '../../../db/provisioning/provision.ts'
import { forEachRole, type RoleUrls } from '../../../db/provisioning/roles.ts'
import { createWorld, type SweepOptions, type World } from './world.ts'

/** The number of tenants, and of rows for each tenant in every table that the API fills. */
export interface Scale {
  tenants: number
  rows: number
}

/** A world on its own database, with tables of the size that `scale` gives. */
export interface FilledWorld {
  world: World
  urls: RoleUrls
}

/** Creates a database, fills it with copies of rows that the API creates, runs `work`, and drops it. */
export async function inFilledWorld<T>(
  app: App,
  options: SweepOptions,
  scale: Scale,
  work: (filled: FilledWorld) => Promise<T>,
): Promise<T> {
  return inGrowingWorld(app, options, scale, async (world, grow, urls) => {
    await grow()
    return work({ world, urls })
  })
}

/** The same, but the tables are filled when `work` says so. */
export async function inGrowingWorld<T>(
  app: App,
  options: SweepOptions,
  scale: Scale,
  work: (world: World, grow: () => Promise<void>, urls: RoleUrls) => Promise<T>,
): Promise<T> {
  return onOwnDatabase(app, async (urls) => {
    const { app: DB_URL, identity: DB_IDENTITY_URL, jobs: DB_JOBS_URL } = urls
    const { platform: DB_PLATFORM_URL } = urls
    // Otherwise the listener would be that of the shared database, and no cache would be used.
    const DB_LISTEN_URL = DB_IDENTITY_URL
    const own = { DB_URL, DB_IDENTITY_URL, DB_JOBS_URL, DB_PLATFORM_URL, DB_LISTEN_URL }
    const settings = { ...options.settings, ...own }
    const world = await createWorld(app, { ...options, settings })
    try {
      return await work(world, () => fillTables(urls, world, scale), urls)
    } finally {
      await world.close()
    }
  })
}

async function onOwnDatabase<T>(app: App, work: (urls: RoleUrls) => Promise<T>): Promise<T> {
  const shared = inject('tenantryDatabase')
  const database = `tenantry_test_${randomBytes(6).toString('hex')}`
  const on = (url: string) => withDatabase(url, database)
  // The roles exist already, with their passwords.
  await provisionDatabase({ adminUrl: shared.admin, database, passwords: {} })
  const urls = forEachRole((role) => on(shared[role]))
  try {
    await migrateUp(urls.owner, histories(fileURLToPath(app.migrations)))
    await storeIdentityScope(urls.owner, shared.identityScope)
    return await work(urls)
  } finally {
    await withClient(shared.admin, (client) =>
      client.query(`drop database ${database} with (force)`),
    )
  }
}

async function fillTables(urls: RoleUrls, { a, api }: World, scale: Scale): Promise<void> {
  // A job would hold a lock that dropping a foreign key waits for.
  await api.running.settle()
  await withClient(urls.owner, dropChecksOfRows)
  await withClient(urls.platform, async (client) => {
    await client.query('set statement_timeout = 0')
    await client.query(tenantsSql, [scale.tenants - 1])
    const { rows: tables } = await client.query<Table>(tablesSql)
    for (const table of tables) {
      const template = table.name === 'tenantry.users' ? a.admin.id : a.tenant.id
      await client.query(copiesSql(table), [template, scale.tenants, scale.rows, a.tenant.id])
    }
  })
  await withClient(urls.owner, (client) => client.query('analyze'))
}

// Checking each copied row would be slow, and no plan of a route depends on a foreign key or on what a
// restrictive policy asks of a new row.
async function dropChecksOfRows(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ statement: string }>(`
    select format('alter table %s drop constraint %I', conrelid::regclass, conname) as statement
    from pg_constraint con join pg_namespace n on n.oid = con.connamespace
    where contype = 'f' and n.nspname in ('public', 'tenantry') and conparentid = 0
    union all
    select format('drop policy %I on %s', polname, polrelid::regclass)
    from pg_policy where polcmd = 'a' and not polpermissive`)
  for (const { statement } of rows) await client.query(statement)
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
    with template as (select ${readable.join(', ')} from ${name} where ${owner} = $1 limit 1)
    insert into ${name} (${names.join(', ')})
    select ${columns.map(expressionOf).join(', ')}
    from template s, generate_series(0, $2::int - 1) t, generate_series(1, $3::int) i,
      lateral (select t::bigint * $3::int + i as n) as n`.concat(
    owner === 'id' ? ' where $4::uuid is not null' : '',
    // A table whose key has no other column than the tenant and an enum has few rows of each tenant.
    ' on conflict do nothing',
  )
}

function expressionOf({ name, type, defaulted, unique }: Column): string {
  if (name === 'tenant_id')
    return `case when t = 0 then $4::uuid else ${idFrom('01910000', 't')} end`
  const given = `s."${name}"`
  if (type === 'uuid') {
    return defaulted ? given : `case when ${given} is not null then ${idFrom('01900000', 'n')} end`
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
