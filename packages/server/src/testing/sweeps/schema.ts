import type pg from 'pg'
import { inject } from 'vitest'
import type { App } from '../../app/define_app.ts'
import { withClient } from '../../db/connect/with_client.ts'
import { findingText, lint } from '../../db/lint/lint.ts'
import { lintRules } from '../../db/lint/rules.ts'
import { literalsOf, type RoleUrls, servingRoles } from '../../db/provisioning/roles.ts'

type DoorUrls = Pick<RoleUrls, 'app' | 'identity'>

/** Findings of the row-level security lint on the migrated database, the app's tables included. */
export async function lintFaults(
  app: App,
  database: DoorUrls = inject('tenantryDatabase'),
): Promise<string[]> {
  return withClient(database.app, async (client) => {
    const rules = lintRules.filter((it) => it.id !== 'L12')
    const findings = await lint(client, rules, { allowed: app.unprotectedTables })
    return findings.map(findingText)
  })
}

// What a door sees before there is a tenant, and why.
const seenWithoutTenant: Readonly<Record<string, string>> = {
  'identity tenantry.domains': 'verified host names: by them the tenant is found',
}

/** Tables where a door without a tenant sees or writes something. */
export async function tenantlessFaults(
  app: App,
  database: DoorUrls = inject('tenantryDatabase'),
): Promise<string[]> {
  const faults: string[] = []
  for (const door of ['app', 'identity'] as const) {
    await withClient(database[door], async (client) => {
      const { rows } = await client.query<TenantTable>(tenantTables)
      for (const table of rows.filter(({ name }) => !(name in (app.unprotectedTables ?? {})))) {
        faults.push(...(await readFaults(client, door, table)))
        faults.push(...(await writeFaults(client, door, table)))
      }
    })
  }
  return faults
}

interface TenantTable {
  name: string
  readable: boolean
  writable: boolean
}

async function readFaults(client: pg.Client, door: string, { name, readable }: TenantTable) {
  if (!readable || `${door} ${name}` in seenWithoutTenant) return []
  const { rowCount } = await client.query(`select from ${name} limit 1`)
  return rowCount === 0 ? [] : [`${door} ${name}: shows rows without a tenant`]
}

async function writeFaults(client: pg.Client, door: string, { name, writable }: TenantTable) {
  if (!writable) return []
  const code = await client
    .query(`insert into ${name} (tenant_id) values (gen_random_uuid())`)
    .then(
      () => 'it was taken',
      (error: { code?: string }) => error.code,
    )
  // The policy is asked before any constraint: any other refusal says that it let the row through.
  return code === '42501' ? [] : [`${door} ${name}: takes a row without a tenant (${code})`]
}

/** Keys, grants and functions of the schema, as a text whose every change is a change of a file. */
export async function schemaRecord(
  database: Pick<RoleUrls, 'owner'> = inject('tenantryDatabase'),
): Promise<string> {
  return withClient(database.owner, async (client) => {
    const sections: string[] = []
    for (const [title, sql] of Object.entries(recordSql)) {
      const { rows } = await client.query<{ line: string }>(sql)
      sections.push(`## ${title}`, '', ...rows.map((it) => `- ${it.line}`), '')
    }
    return ['# What the database enforces', '', 'Written by the tests.', '', ...sections].join('\n')
  })
}

const ours = "n.nspname in ('public', 'tenantry')"

const tenantTables = `
  select c.oid::regclass::text as name,
    has_any_column_privilege(c.oid, 'select') as readable,
    has_column_privilege(c.oid, 'tenant_id', 'insert') as writable
  from pg_class c
  join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped
  join pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p') and ${ours} and has_schema_privilege(n.oid, 'usage')
  order by 1`

const constraintsSql = (type: string) => `
  select format('%s: %s %s', con.conrelid::regclass, con.conname, pg_get_constraintdef(con.oid)) as line
  from pg_constraint con join pg_namespace n on n.oid = con.connamespace
  where con.contype = '${type}' and ${ours} order by 1`

const recordSql: Record<string, string> = {
  'Primary keys': constraintsSql('p'),
  'Unique constraints': constraintsSql('u'),
  'Foreign keys': constraintsSql('f'),
  Policies: `
    select format('%s: %s for %s to %s using (%s) check (%s)', polrelid::regclass, polname,
      case polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update'
        when 'd' then 'delete' else 'all' end,
      array_to_string(polroles::regrole[], ', '),
      regexp_replace(pg_get_expr(polqual, polrelid), '\\s+', ' ', 'g'),
      regexp_replace(pg_get_expr(polwithcheck, polrelid), '\\s+', ' ', 'g')) as line
    from pg_policy order by 1`,
  Grants: `
    select format('%s: %s may %s', c.oid::regclass, a.grantee::regrole,
      string_agg(lower(a.privilege_type), ', ' order by a.privilege_type)) as line
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    cross join aclexplode(c.relacl) a
    where ${ours} and a.grantee <> c.relowner group by c.oid, a.grantee order by 1`,
  'Functions a door may call': `
    select format('%s: %s%s', p.oid::regprocedure, r.rolname,
      case when p.prosecdef then ' (security definer)' else '' end) as line
    from pg_proc p join pg_namespace n on n.oid = p.pronamespace
    cross join pg_roles r
    where ${ours} and r.rolname in ${literalsOf(servingRoles)}
      and has_function_privilege(r.oid, p.oid, 'execute') order by 1`,
}
