import type pg from 'pg'
import { inject } from 'vitest'
import type { App } from '../../app/define_app.ts'
import { withClient } from '../../db/connect/with_client.ts'
import { schemaFaults } from '../../db/lint/boot_check.ts'
import { isUnprotected } from '../../db/lint/exceptions.ts'
import { literalsOf, type RoleUrls, servingRoles } from '../../db/provisioning/roles.ts'

type ServingUrls = Pick<RoleUrls, 'app' | 'identity'>

/** The findings of the row-level security lint on the migrated database, including the app's tables. */
export async function lintFaults(
  app: App,
  database: ServingUrls = inject('tenantryDatabase'),
): Promise<string[]> {
  return withClient(database.app, async (client) => {
    const { violations, exceptions } = await schemaFaults(client, app)
    return [...violations, ...exceptions]
  })
}

// What a role sees without a tenant, and why.
const seenWithoutTenant: Readonly<Record<string, string>> = {
  'identity tenantry.domains': 'verified host names, by which the tenant is found',
}

/** The tables that a serving role can read or write without a tenant. */
export async function tenantlessFaults(
  app: App,
  database: ServingUrls = inject('tenantryDatabase'),
): Promise<string[]> {
  const faults: string[] = []
  for (const role of ['app', 'identity'] as const) {
    await withClient(database[role], async (client) => {
      const { rows } = await client.query<TenantTable>(tenantTables)
      for (const table of rows.filter(({ name }) => !isUnprotected(name, app))) {
        faults.push(...(await readFaults(client, role, table)))
        faults.push(...(await writeFaults(client, role, table)))
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

async function readFaults(client: pg.Client, role: string, { name, readable }: TenantTable) {
  if (!readable || `${role} ${name}` in seenWithoutTenant) return []
  const { rowCount } = await client.query(`select from ${name} limit 1`)
  return rowCount === 0 ? [] : [`${role} ${name}: shows rows without a tenant`]
}

async function writeFaults(client: pg.Client, role: string, { name, writable }: TenantTable) {
  if (!writable) return []
  const code = await client
    .query(`insert into ${name} (tenant_id) values (gen_random_uuid())`)
    .then(
      () => 'it was accepted',
      (error: { code?: string }) => error.code,
    )
  // PostgreSQL checks the policy before any constraint: another error means that the policy accepted the row.
  return code === '42501' ? [] : [`${role} ${name}: accepts a row without a tenant (${code})`]
}

/** The keys, indexes, sequences, policies, grants and functions of the schema as a text, which is committed and reviewed. */
export async function schemaRecord(
  database: Pick<RoleUrls, 'owner'> = inject('tenantryDatabase'),
): Promise<string> {
  return withClient(database.owner, async (client) => {
    const sections: string[] = []
    for (const [title, sql] of Object.entries(recordSql)) {
      const { rows } = await client.query<{ line: string }>(sql)
      const lines = rows.length === 0 ? ['none'] : rows.map((it) => it.line)
      sections.push(`## ${title}`, '', ...lines.map((it) => `- ${it}`), '')
    }
    return ['# What the database enforces', '', 'Written by the tests.', '', ...sections].join('\n')
  })
}

const inAppSchemas = "n.nspname in ('public', 'tenantry')"

const tenantTables = `
  select c.oid::regclass::text as name,
    has_any_column_privilege(c.oid, 'select') as readable,
    has_column_privilege(c.oid, 'tenant_id', 'insert') as writable
  from pg_class c
  join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped
  join pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p') and ${inAppSchemas} and has_schema_privilege(n.oid, 'usage')
  order by 1`

const constraintsSql = (type: string) => `
  select format('%s: %s %s', con.conrelid::regclass, con.conname, pg_get_constraintdef(con.oid)) as line
  from pg_constraint con join pg_namespace n on n.oid = con.connamespace
  where con.contype = '${type}' and ${inAppSchemas} order by 1`

const recordSql: Record<string, string> = {
  'Primary keys': constraintsSql('p'),
  'Unique constraints': constraintsSql('u'),
  'Exclusion constraints': constraintsSql('x'),
  'Foreign keys': constraintsSql('f'),
  // Those of constraints are above.
  Indexes: `
    select format('%s: %s', i.indrelid::regclass,
      regexp_replace(pg_get_indexdef(i.indexrelid), '^CREATE | ON \\S+', '', 'g')) as line
    from pg_index i
    join pg_class c on c.oid = i.indexrelid join pg_namespace n on n.oid = c.relnamespace
    where ${inAppSchemas} and not exists (
      select from pg_constraint con where con.conindid = i.indexrelid and con.contype in ('p', 'u', 'x'))
    order by 1`,
  Sequences: `
    select format('%s: %s', c.oid::regclass, case when d.objid is null then 'on its own'
      else format('of %s.%s', d.refobjid::regclass, a.attname) end) as line
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    left join pg_depend d on d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype in ('i', 'a')
    left join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
    where ${inAppSchemas} and c.relkind = 'S' order by 1`,
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
    where ${inAppSchemas} and a.grantee <> c.relowner group by c.oid, a.grantee order by 1`,
  'Functions that a serving role may call': `
    select format('%s: %s%s', p.oid::regprocedure, r.rolname,
      case when p.prosecdef then ' (security definer)' else '' end) as line
    from pg_proc p join pg_namespace n on n.oid = p.pronamespace
    cross join pg_roles r
    where ${inAppSchemas} and r.rolname in ${literalsOf(servingRoles)}
      and has_function_privilege(r.oid, p.oid, 'execute') order by 1`,
}
