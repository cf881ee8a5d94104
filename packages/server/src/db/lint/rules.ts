import { allRoles, literalsOf, roles } from '../provisioning/roles.ts'
import { indexedForeignKeys, tenantInForeignKeys } from './foreign_key_rules.ts'
import { canAccess, hasTenantColumn, hasTenantKey, type LintRule, own } from './lint_rule.ts'

/** Tables without forced row-level security, each with its reason. An app can list more. */
const unprotectedTables: Readonly<Record<string, string>> = {
  'tenantry.attempt_counters': "no tenant's data; only the identity role has access",
  'tenantry.platform_logs': "no tenant's data; only the platform role has access",
  'tenantry.kernel_migrations': 'names of migrations; read at the start',
  'tenantry.app_migrations': 'names of migrations; read at the start',
}

/** Every table that a serving role can access has forced row-level security. */
export const forcedRls: LintRule = {
  id: 'L13',
  name: 'a table that serving roles can access has no forced row-level security',
  why: 'the role sees the rows of all tenants in it',
  fix: "call make_tenant_table in its migration, or list it with a reason in the app's unprotectedTables",
  sql: (serving) => `
    select distinct n.nspname || '.' || c.relname as subject
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    join pg_roles role on role.rolname in ${serving}
    where c.relkind in ('r', 'p') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
      and not (c.relrowsecurity and c.relforcerowsecurity)
      and ${canAccess('role.oid', 'c.oid')}`,
  allowed: unprotectedTables,
}

/** No serving role has an attribute or a membership that bypasses row-level security. */
export const dangerousRoles: LintRule = {
  id: 'L10a',
  name: 'a serving role has an attribute or a membership that it must not have',
  why: 'row-level security does not apply to superusers, BYPASSRLS and owners, and the other attributes can create such roles',
  fix: 'alter role ... nosuperuser nobypassrls nocreaterole nocreatedb noreplication, and revoke its memberships',
  sql: (serving) => `
    select role.rolname || ' (' || what || ')' as subject
    from pg_roles role
    join pg_roles held on held.oid = role.oid or pg_has_role(role.oid, held.oid, 'member')
    cross join lateral (values
      (held.rolsuper, 'superuser'), (held.rolbypassrls, 'bypassrls'),
      (held.rolcreaterole, 'createrole'), (held.rolcreatedb, 'createdb'),
      (held.rolreplication, 'replication'),
      (held.rolname in ('pg_execute_server_program', 'pg_read_server_files',
        'pg_write_server_files', 'pg_write_all_data', 'pg_read_all_data'), held.rolname),
      (held.rolname in ${literalsOf(allRoles)} and held.oid <> role.oid, 'member of ' || held.rolname)
    ) as attribute (has, what)
    where role.rolname in ${serving} and has`,
}

/** No serving role can change the rules of a table or empty it. */
export const dangerousGrants: LintRule = {
  id: 'L10b',
  name: 'a serving role owns a table, or may TRUNCATE it, reference it or create a trigger on it',
  why: 'TRUNCATE and REFERENCES ignore row-level security, and an owner or a trigger can disable it',
  fix: `revoke truncate, references, trigger on ... from ...; make ${roles.owner.name} the owner of every table`,
  sql: (serving) => `
    select distinct c.oid::regclass::text || ' (' || role.rolname || ')' as subject
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    join pg_roles role on role.rolname in ${serving}
    where ${own('pg_class', 'c.oid')} and c.relkind in ('r', 'p') and (
      has_table_privilege(role.oid, c.oid, 'truncate, references, trigger')
      or has_any_column_privilege(role.oid, c.oid, 'references')
      or pg_has_role(role.oid, c.relowner, 'member'))
    union all
    select 'schema ' || n.nspname || ' (' || role.rolname || ')'
    from pg_namespace n
    join pg_roles role on role.rolname in ${serving}
    where ${own('pg_namespace', 'n.oid')} and has_schema_privilege(role.oid, n.oid, 'create')`,
}

/** Every table of an app is accessible to a serving role. */
export const unreachable: LintRule = {
  id: 'L17',
  name: 'no serving role can access this table of the app',
  why: "every query on it fails with 'permission denied', and the client gets 500",
  fix: "call make_tenant_table in its migration, or list it with a reason in the app's unprotectedTables",
  sql: (serving) => `
    select 'public.' || c.relname as subject
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where ${own('pg_class', 'c.oid')} and n.nspname = 'public' and c.relkind in ('r', 'p')
      and not c.relispartition and not ${hasTenantColumn('c.oid')}
      and not exists (
        select from pg_roles role where role.rolname in ${serving} and ${canAccess('role.oid', 'c.oid')})`,
}

/** An SQL condition: a release, such as 180004, lacks the fix. */
export const belowFloor = (version: string) => `(
  ${version} < 150020 or ${version} between 160000 and 160015
  or ${version} between 170000 and 170011 or ${version} between 180000 and 180006)`

/** Not a gate: development must go on, because the newest embedded build lacks the fix too. */
export const serverFloor: LintRule = {
  id: 'L12',
  name: 'PostgreSQL lacks the fix for CVE-2026-120154',
  why: 'INSERT ... ON CONFLICT DO UPDATE ... WHERE can read past row-level security',
  fix: 'production needs 15.20, 16.16, 17.12, 18.7 or later',
  sql: () => `
    select split_part(current_setting('server_version'), ' ', 1) as subject
    where ${belowFloor("current_setting('server_version_num')::int")}`,
}

/** All rules: the tests and `tenantry doctor` require that none is violated. */
export const lintRules: readonly LintRule[] = [
  {
    id: 'L1',
    name: 'a table with tenant_id is not protected',
    why: 'row-level security must be enabled and forced, with a policy that shows one tenant only',
    fix: 'call make_tenant_table in its migration',
    sql: () => `
      select c.oid::regclass::text as subject
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where ${own('pg_class', 'c.oid')} and c.relkind in ('r', 'p') and ${hasTenantColumn('c.oid')}
        and not (c.relrowsecurity and c.relforcerowsecurity
          and exists (select from pg_policy p where p.polrelid = c.oid))`,
  },
  {
    id: 'L2',
    name: 'two permissive policies apply to one role and command',
    why: 'permissive policies are combined with OR: the wider one defeats the narrower one',
    fix: 'merge them into one policy, or make the second one restrictive',
    sql: () => `
      select distinct p.polrelid::regclass::text || ' (' || p.polname || ', ' || q.polname || ')'
        as subject
      from pg_policy p
      join pg_policy q on q.polrelid = p.polrelid and q.polname > p.polname
      join pg_class c on c.oid = p.polrelid join pg_namespace n on n.oid = c.relnamespace
      where ${own('pg_class', 'c.oid')} and p.polpermissive and q.polpermissive
        and (p.polcmd = q.polcmd or '*' in (p.polcmd, q.polcmd))
        and (p.polroles && q.polroles or 0::oid = any (p.polroles || q.polroles))`,
  },
  {
    id: 'L3',
    name: 'a policy shows all rows, or does not check written rows',
    why: 'only the platform role may have USING (true); without WITH CHECK a row can be moved to another tenant',
    fix: 'compare tenant_id in USING and in WITH CHECK, as make_tenant_table does',
    sql: () => `
      select polrelid::regclass::text || ' (' || polname || ')' as subject
      from pg_policy
      join pg_class c on c.oid = polrelid join pg_namespace n on n.oid = c.relnamespace
      where ${own('pg_class', 'c.oid')} and ((polcmd in ('a', 'w', '*') and polwithcheck is null)
        or ('true' in (pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid))
          and polroles <> array(select oid from pg_roles where rolname = '${roles.platform.name}')))`,
  },
  {
    id: 'L4',
    name: "a view runs with its owner's privileges",
    why: 'it shows the rows that its owner may see, of all tenants',
    fix: 'create it with (security_invoker = true)',
    sql: () => `
      select c.oid::regclass::text as subject
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where ${own('pg_class', 'c.oid')} and c.relkind = 'v' and not coalesce(c.reloptions
        && array['security_invoker=true', 'security_invoker=on', 'security_invoker=1'], false)`,
  },
  {
    id: 'L5',
    name: 'a serving role can read a materialized view or a foreign table',
    why: 'neither supports row-level security',
    fix: 'revoke all on ... from the serving roles',
    sql: (serving) => `
      select distinct c.oid::regclass::text as subject
      from pg_class c join pg_roles role on role.rolname in ${serving}
      where c.relkind in ('m', 'f') and ${canAccess('role.oid', 'c.oid')}`,
  },
  {
    id: 'L6',
    name: 'a SECURITY DEFINER function that serving roles can execute has no fixed search_path',
    why: "the caller's temporary tables would shadow the tables it uses",
    fix: 'create it with: set search_path = pg_catalog, and qualify all names in it',
    sql: (serving) => `
      select distinct p.oid::regprocedure::text as subject
      from pg_proc p join pg_roles role on role.rolname in ${serving}
      where p.prosecdef and has_function_privilege(role.oid, p.oid, 'execute')
        and not exists (select from unnest(p.proconfig) s where s like 'search\\_path=%')
        and p.pronamespace not in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)`,
  },
  tenantInForeignKeys,
  {
    id: 'L8',
    name: 'a unique index of a tenant table spans tenants',
    why: 'a conflict reveals to one tenant what another tenant has',
    fix: 'start it with tenant_id; if it must be global, list it with a reason',
    sql: () => `
      select i.indexrelid::regclass::text as subject
      from pg_index i
      where i.indisunique and ${hasTenantColumn('i.indrelid')}
        and not ${hasTenantKey('i.indrelid', 'i.indkey::int2[]')}`,
    allowed: {
      'tenantry.domains_pkey':
        'a host name belongs to one tenant only, and only platform admins add one',
    },
  },
  {
    id: 'L9',
    name: 'a serving role can access a partition that has no row-level security of its own',
    why: "the parent's policies do not apply to a query that names the partition",
    fix: 'enable and force row-level security on it, or revoke all on it from the serving roles',
    sql: (serving) => `
      select distinct c.oid::regclass::text as subject
      from pg_class c join pg_roles role on role.rolname in ${serving}
      where c.relispartition and c.relkind in ('r', 'p')
        and not (c.relrowsecurity and c.relforcerowsecurity)
        and ${canAccess('role.oid', 'c.oid')}`,
  },
  dangerousRoles,
  dangerousGrants,
  {
    id: 'L11',
    name: 'row-level security prevents the use of an index',
    why: 'an operator that is not leakproof (enum, numeric, jsonb, arrays, citext) runs after the policy, which scans all rows',
    fix: 'index a column of type text, integer, uuid or timestamptz instead',
    sql: () => `
      select distinct i.indexrelid::regclass::text || ' (' || t.typname || ')' as subject
      from pg_index i
      join pg_class c on c.oid = i.indrelid and c.relrowsecurity
      cross join unnest(i.indclass::oid[]) opclass
      join pg_opclass o on o.oid = opclass
      join pg_type t on t.oid = o.opcintype
      join pg_amop a on a.amopfamily = o.opcfamily
        and a.amoplefttype = o.opcintype and a.amoppurpose = 's'
      join pg_operator op on op.oid = a.amopopr
      join pg_proc p on p.oid = op.oprcode
      where not p.proleakproof and (a.amoprighttype = o.opcintype or a.amopmethod <> 403)`,
  },
  forcedRls,
  {
    id: 'L14',
    name: 'a policy applies to PUBLIC or to several roles',
    why: 'a policy is written for one role: a wider one grants access that its author did not intend',
    fix: 'create policy ... to one role',
    sql: () => `
      select p.polrelid::regclass::text || ' (' || p.polname || ')' as subject
      from pg_policy p join pg_class c on c.oid = p.polrelid
      join pg_namespace n on n.oid = c.relnamespace
      where ${own('pg_class', 'c.oid')} and (cardinality(p.polroles) <> 1 or 0::oid = any (p.polroles))`,
  },
  unreachable,
  indexedForeignKeys,
]
