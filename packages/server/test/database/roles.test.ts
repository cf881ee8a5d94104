import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { attempt } from '../fixtures/attempt.ts'
import { asRole, scopeUrls, sharedDatabase } from '../fixtures/databases.ts'

const roles = ['app', 'identity', 'jobs', 'platform', 'backup'] as const

describe.each(roles)('the %s role', (role) => {
  let client: pg.Client
  beforeAll(async () => {
    const { [role]: connectionString } = { ...sharedDatabase(), ...scopeUrls() }
    // Without its read-only setting, which it may change itself: its privileges are what protects.
    const options = role === 'backup' ? '-c default_transaction_read_only=off' : undefined
    client = new pg.Client({ connectionString, ...(options && { options }) })
    await client.connect()
  })
  afterAll(() => client.end())

  test('has no power over the server, and belongs to no other role (RLS-3)', async () => {
    const { rows } = await client.query(`
      select rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication, rolinherit,
        (select count(*)::int from pg_auth_members where member = r.oid) as memberships
      from pg_roles r where rolname = current_user`)
    expect(rows[0]).toEqual({
      rolsuper: false,
      rolbypassrls: false,
      rolcreaterole: false,
      rolcreatedb: false,
      rolreplication: false,
      rolinherit: false,
      memberships: 0,
    })
  })

  test.each([
    'set role tenantry_owner',
    'set session authorization tenantry_owner',
    'alter role current_user bypassrls',
    'alter role current_user superuser',
    'create role intruder',
    'grant tenantry_owner to current_user',
    'create schema intruder',
    'create extension pg_trgm',
    'create table tenantry.intruder (id int)',
    'create table public.intruder (id int)',
    'create temporary table intruder (id int)',
    'create function public.intruder() returns int language sql as $$ select 1 $$',
    'create view public.intruder as select * from projects',
    "copy (select 1) to program 'id'",
    "select pg_read_file('postgresql.conf')",
  ])('may not: %s (RLS-3)', async (statement) => {
    expect(await attempt(client, undefined, statement)).toMatchObject({ code: '42501' })
  })

  test('may not: create database (RLS-3)', async () => {
    await expect(client.query('create database intruder')).rejects.toMatchObject({ code: '42501' })
  })

  test.each([
    'truncate TABLE',
    'alter table TABLE disable row level security',
    'alter table TABLE no force row level security',
    'alter table TABLE owner to current_user',
    'alter table TABLE add column intruder int',
    'create policy intruder on TABLE using (true)',
    'drop policy POLICY on TABLE',
    'alter policy POLICY on TABLE using (true)',
    'create trigger intruder before insert on TABLE execute function pg_catalog.suppress_redundant_updates_trigger()',
    'create index on TABLE (id)',
    'drop table TABLE',
  ])('may not on any table: %s (RLS-3)', async (statement) => {
    for (const { table, policy } of await tables()) {
      if (policy === null && statement.includes('POLICY')) continue
      const sql = statement.replace('TABLE', table).replace('POLICY', String(policy))
      const tried = await attempt(client, undefined, sql)
      expect([table, tried.code]).toEqual([table, '42501'])
    }
  })
})

test('each role has the privileges that are listed, and no others (RLS-3, RLS-9, RLS-14)', async () => {
  const lines = await asRole('owner', async (client) => {
    const all = [databaseSql, schemasSql, tablesSql, otherRelationsSql, functionsSql, systemSql]
    const { rows } = await client.query<{ line: string }>(
      `${all.join(' union all ')} order by line`,
    )
    return rows.map((it) => it.line)
  })
  await expect(`${lines.join('\n')}\n`).toMatchFileSnapshot('privileges.txt')
})

async function tables(): Promise<{ table: string; policy: string | null }[]> {
  const { rows } = await asRole('owner', (client) =>
    client.query<{ table: string; policy: string | null }>(`
      select c.oid::regclass::text as table, min(p.polname) as policy
      from pg_class c left join pg_policy p on p.polrelid = c.oid
      where c.relkind in ('r', 'p')
        and c.relnamespace in ('tenantry'::regnamespace, 'public'::regnamespace)
      group by c.oid`),
  )
  return rows
}

const everyRole = "unnest(array['app', 'identity', 'jobs', 'platform', 'backup']) role_"

const databaseSql = `
  select 'database: ' || role_ || ' ' || string_agg(privilege, ', ' order by privilege) as line
  from ${everyRole}, unnest(array['connect', 'create', 'temporary']) privilege
  where has_database_privilege('tenantry_' || role_, current_database(), privilege)
  group by role_`

const schemasSql = `
  select 'schema ' || n.nspname || ': ' || role_ || ' ' || string_agg(privilege, ', ' order by privilege) as line
  from pg_namespace n, ${everyRole}, unnest(array['usage', 'create']) privilege
  where n.nspname in ('tenantry', 'public')
    and has_schema_privilege('tenantry_' || role_, n.oid, privilege)
  group by n.nspname, role_`

// A privilege on some columns only is listed with them.
const tablesSql = `
  select 'table ' || name || ': ' || role_ || ' ' || string_agg(held, ', ' order by held)
  from (
    select c.relname as name, role_, privilege || case
      when has_table_privilege('tenantry_' || role_, c.oid, privilege) then ''
      else ' (' || (select string_agg(a.attname, ', ' order by a.attnum) from pg_attribute a
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        and has_column_privilege('tenantry_' || role_, c.oid, a.attnum, privilege)) || ')' end as held
    from pg_class c, ${everyRole},
      unnest(array['select', 'insert', 'update', 'references']) privilege
    where c.relnamespace = 'tenantry'::regnamespace and c.relkind in ('r', 'p')
    union all
    select c.relname, role_, privilege from pg_class c, ${everyRole},
      unnest(array['delete', 'truncate', 'trigger']) privilege
    where c.relnamespace = 'tenantry'::regnamespace and c.relkind in ('r', 'p')
      and has_table_privilege('tenantry_' || role_, c.oid, privilege)
  ) privileges
  where held is not null
  group by name, role_`

// Views, sequences and the like: none that one of the roles could use.
const otherRelationsSql = `
  select 'other ' || c.relname || ': ' || role_
  from pg_class c, ${everyRole}
  where c.relnamespace in ('tenantry'::regnamespace, 'public'::regnamespace)
    and case when c.relkind = 'S'
      then has_sequence_privilege('tenantry_' || role_, c.oid, 'usage, select, update')
      else c.relkind in ('v', 'm', 'f')
        and has_any_column_privilege('tenantry_' || role_, c.oid, 'select, insert, update') end`

const functionsSql = `
  select 'function ' || p.oid::regprocedure
    || case when p.prosecdef then ' security definer' else '' end
    || coalesce(' set ' || array_to_string(p.proconfig, ', '), '')
    || coalesce(': ' || string_agg(role_, ', ' order by role_)
      filter (where has_function_privilege('tenantry_' || role_, p.oid, 'execute')), ': no role')
  from pg_proc p, ${everyRole}
  where p.pronamespace in ('tenantry'::regnamespace, 'public'::regnamespace)
  group by p.oid`

// Functions of the system that write and that no policy restricts.
const systemSql = `
  select 'large objects: ' || coalesce(string_agg(distinct role_, ', '), 'no role')
  from pg_proc p, ${everyRole}
  where p.pronamespace = 'pg_catalog'::regnamespace and p.proname ~ '^lo(_|read$|write$)'
    and has_function_privilege('tenantry_' || role_, p.oid, 'execute')`

test('only the role that compares a hash can read it: not the platform role', async () => {
  const { rows } = await asRole('platform', (client) =>
    client.query<{ readable: string }>(`
      select a.attrelid::regclass || '.' || a.attname as readable
      from pg_attribute a join pg_class c on c.oid = a.attrelid
      where c.relnamespace = 'tenantry'::regnamespace and c.relkind in ('r', 'p') and a.attnum > 0
        and not a.attisdropped and (a.atttypid = 'bytea'::regtype or a.attname ~ 'hash|mac|secret')
        and has_column_privilege(c.oid, a.attnum, 'select')`),
  )
  expect(rows).toEqual([])
  await asRole('platform', async (client) => {
    for (const column of [
      'refresh_tokens.hash',
      'single_use_secrets.hash',
      'users.password_hash',
    ]) {
      const [table, name] = column.split('.')
      const read = await attempt(client, undefined, `select ${name} from tenantry.${table}`)
      expect(read.code).toBe('42501')
    }
  })
})

// These tables have no row-level security: their rows belong to no tenant.
test('shows the addresses of sign-ups and waiting mails to the identity role and the backup role only', async () => {
  for (const role of roles) {
    for (const table of ['sign_ups', 'installation_mails']) {
      const tried = await asRole(role, (client) =>
        attempt(client, undefined, `select email from tenantry.${table}`),
      )
      const isReader = role === 'identity' || role === 'backup'
      expect([role, table, tried.code]).toEqual([role, table, isReader ? 'ok' : '42501'])
    }
  }
})
