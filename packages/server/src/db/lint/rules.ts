/** Something the catalog must never show. Its query gives one row, named `subject`, per offence. */
export interface LintRule {
  id: string
  /** What is wrong where it fires. */
  name: string
  why: string
  fix: string
  /** `doors` is a list of roles: `('tenantry_app', ...)`. */
  sql(database: string): string
  /** Subjects that are right as they are, each with its reason. */
  allowed?: Readonly<Record<string, string>>
}

/** Tables without forced row-level security, each with its reason. An app adds its own. */
const unprotectedTables: Readonly<Record<string, string>> = {
  'tenantry.attempt_counters': "no tenant's data; the identity door only",
  'tenantry.platform_logs': "no tenant's data; the operators' door only",
  'tenantry.kernel_migrations': 'names of migrations; read at start',
  'tenantry.app_migrations': 'names of migrations; read at start',
}

/** The roles behind the doors. The owner serves nobody. */
export const servingRoles = "('tenantry_app', 'tenantry_identity', 'tenantry_platform')"

// The tables, views and schemas that are ours: not the system's, not an extension's.
const own = (catalog: 'pg_class' | 'pg_namespace', object: string) => `(
  n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and not exists (
    select from pg_depend d where d.deptype = 'e'
    and d.classid = '${catalog}'::regclass and d.objid = ${object}))`

const hasTenantColumn = (table: string) => `exists (
  select from pg_attribute a
  where a.attrelid = ${table} and a.attname = 'tenant_id' and not a.attisdropped)`

const hasTenantKey = (table: string, columns: string) => `exists (
  select from unnest(${columns}) k
  join pg_attribute a on a.attrelid = ${table} and a.attnum = k
  where a.attname = 'tenant_id')`

// Column grants count: one readable column is enough to leak.
const canTouch = (door: string, table: string) => `(
  has_table_privilege(${door}, ${table}, 'select, insert, update, delete')
  or has_any_column_privilege(${door}, ${table}, 'select, insert, update'))`

/** No table a door can touch is without forced row-level security. */
export const forcedRls: LintRule = {
  id: 'L13',
  name: 'a table the doors can touch has no forced row-level security',
  why: 'whoever opens the door sees the rows of every tenant in it',
  fix: "call make_tenant_table in its migration, or list it with its reason in the app's unprotectedTables",
  sql: (database) => `
    select distinct n.nspname || '.' || c.relname as subject
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    join pg_roles door on door.rolname in ${database}
    where c.relkind in ('r', 'p') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
      and not (c.relrowsecurity and c.relforcerowsecurity)
      and ${canTouch('door.oid', 'c.oid')}`,
  allowed: unprotectedTables,
}

/** No door's role may do what would lift it above row-level security. */
export const dangerousRoles: LintRule = {
  id: 'L10a',
  name: "a door's role may do what no door may",
  why: 'superusers, BYPASSRLS and owners are not bound by row-level security; others could make such roles',
  fix: 'alter role ... nosuperuser nobypassrls nocreaterole nocreatedb noreplication, and revoke its memberships',
  sql: (database) => `
    select door.rolname || ' (' || what || ')' as subject
    from pg_roles door
    join pg_roles held on held.oid = door.oid or pg_has_role(door.oid, held.oid, 'member')
    cross join lateral (values
      (held.rolsuper, 'superuser'), (held.rolbypassrls, 'bypassrls'),
      (held.rolcreaterole, 'createrole'), (held.rolcreatedb, 'createdb'),
      (held.rolreplication, 'replication'),
      (held.rolname in ('pg_execute_server_program', 'pg_read_server_files',
        'pg_write_server_files', 'pg_write_all_data', 'pg_read_all_data'), held.rolname),
      (held.rolname in ('tenantry_owner', 'tenantry_app', 'tenantry_identity', 'tenantry_platform')
        and held.oid <> door.oid, 'member of ' || held.rolname)
    ) as attribute (given, what)
    where door.rolname in ${database} and given`,
}

/** No door's role may change a table's rules or empty it. */
export const dangerousGrants: LintRule = {
  id: 'L10b',
  name: "a door's role owns a table, or may TRUNCATE, REFERENCE or put a trigger on it",
  why: 'TRUNCATE and REFERENCES ignore row-level security; an owner or a trigger can switch it off',
  fix: 'revoke truncate, references, trigger on ... from ...; let tenantry_owner own every table',
  sql: (database) => `
    select distinct c.oid::regclass::text || ' (' || door.rolname || ')' as subject
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    join pg_roles door on door.rolname in ${database}
    where ${own('pg_class', 'c.oid')} and c.relkind in ('r', 'p') and (
      has_table_privilege(door.oid, c.oid, 'truncate, references, trigger')
      or has_any_column_privilege(door.oid, c.oid, 'references')
      or pg_has_role(door.oid, c.relowner, 'member'))
    union all
    select 'schema ' || n.nspname || ' (' || door.rolname || ')'
    from pg_namespace n
    join pg_roles door on door.rolname in ${database}
    where ${own('pg_namespace', 'n.oid')} and has_schema_privilege(door.oid, n.oid, 'create')`,
}

/** No table of an app is left where no door reaches it. */
export const unreachable: LintRule = {
  id: 'L17',
  name: 'a table of the app that no door may touch',
  why: "every query of it fails with 'permission denied', and the client is told 500",
  fix: "call make_tenant_table in its migration, or list it with its reason in the app's unprotectedTables",
  sql: (database) => `
    select 'public.' || c.relname as subject
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where ${own('pg_class', 'c.oid')} and n.nspname = 'public' and c.relkind in ('r', 'p')
      and not c.relispartition and not ${hasTenantColumn('c.oid')}
      and not exists (
        select from pg_roles door where door.rolname in ${database} and ${canTouch('door.oid', 'c.oid')})`,
}

/** Which releases lack the fix, for a version such as 180004. */
export const belowFloor = (version: string) => `(
  ${version} < 150020 or ${version} between 160000 and 160015
  or ${version} between 170000 and 170011 or ${version} between 180000 and 180006)`

/** Not a gate: development may go on, and the newest embedded build is below it. */
export const serverFloor: LintRule = {
  id: 'L12',
  name: 'PostgreSQL lacks the fix of CVE-2026-120154',
  why: 'INSERT ... ON CONFLICT DO UPDATE ... WHERE can read past row-level security',
  fix: 'production needs 15.20, 16.16, 17.12, 18.7 or later',
  sql: () => `
    select split_part(current_setting('server_version'), ' ', 1) as subject
    where ${belowFloor("current_setting('server_version_num')::int")}`,
}

/** Every rule: the gate of the tests and of `tenantry doctor`. */
export const lintRules: readonly LintRule[] = [
  {
    id: 'L1',
    name: 'a table with tenant_id is not protected',
    why: 'row-level security must be enabled, forced and have a policy to show one tenant only',
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
    name: 'two permissive policies speak for one role and command',
    why: 'permissive policies are OR-ed: the wider one opens what the narrower one closes',
    fix: 'make them one policy, or the second one restrictive',
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
    name: 'a policy shows everything, or does not check what is written',
    why: 'USING (true) is for the operators only; without WITH CHECK a row can be moved to another tenant',
    fix: 'compare tenant_id in USING and in WITH CHECK, as make_tenant_table does',
    sql: () => `
      select polrelid::regclass::text || ' (' || polname || ')' as subject
      from pg_policy
      join pg_class c on c.oid = polrelid join pg_namespace n on n.oid = c.relnamespace
      where ${own('pg_class', 'c.oid')} and ((polcmd in ('a', 'w', '*') and polwithcheck is null)
        or ('true' in (pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid))
          and polroles <> array(select oid from pg_roles where rolname = 'tenantry_platform')))`,
  },
  {
    id: 'L4',
    name: "a view runs with its owner's rights",
    why: "it shows what its owner may see, and no tenant's limits",
    fix: 'create it with (security_invoker = true)',
    sql: () => `
      select c.oid::regclass::text as subject
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where ${own('pg_class', 'c.oid')} and c.relkind = 'v' and not coalesce(c.reloptions
        && array['security_invoker=true', 'security_invoker=on', 'security_invoker=1'], false)`,
  },
  {
    id: 'L5',
    name: 'a door can read a materialized view or a foreign table',
    why: 'neither of them knows row-level security',
    fix: 'revoke all on ... from the door roles',
    sql: (database) => `
      select distinct c.oid::regclass::text as subject
      from pg_class c join pg_roles door on door.rolname in ${database}
      where c.relkind in ('m', 'f') and ${canTouch('door.oid', 'c.oid')}`,
  },
  {
    id: 'L6',
    name: 'a SECURITY DEFINER function of the doors has no pinned search_path',
    why: "its caller's temporary tables would take the place of the ones it means",
    fix: 'create it with: set search_path = pg_catalog, and qualify every name in it',
    sql: (database) => `
      select distinct p.oid::regprocedure::text as subject
      from pg_proc p join pg_roles door on door.rolname in ${database}
      where p.prosecdef and has_function_privilege(door.oid, p.oid, 'execute')
        and not exists (select from unnest(p.proconfig) s where s like 'search\\_path=%')
        and p.pronamespace not in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)`,
  },
  {
    id: 'L7',
    name: 'a foreign key between tenant tables does not carry tenant_id',
    why: "a row could point at another tenant's, and the error would tell which ids exist",
    fix: 'foreign key (tenant_id, x_id) references x (tenant_id, id)',
    sql: () => `
      select conrelid::regclass::text || ' (' || conname || ')' as subject
      from pg_constraint con
      where contype = 'f' and ${hasTenantColumn('con.confrelid')} and ${hasTenantColumn('con.conrelid')}
        and not (${hasTenantKey('con.conrelid', 'con.conkey')}
          and ${hasTenantKey('con.confrelid', 'con.confkey')})`,
  },
  {
    id: 'L8',
    name: 'a unique index of a tenant table spans tenants',
    why: 'a conflict tells one tenant what another one has',
    fix: 'let tenant_id lead it; where it must be global, list it with its reason',
    sql: () => `
      select i.indexrelid::regclass::text as subject
      from pg_index i
      where i.indisunique and ${hasTenantColumn('i.indrelid')}
        and not ${hasTenantKey('i.indrelid', 'i.indkey::int2[]')}`,
    allowed: {
      'tenantry.domains_pkey': 'a host name belongs to one tenant of all; only operators add one',
    },
  },
  {
    id: 'L9',
    name: 'a door can reach a partition that has no row-level security of its own',
    why: "addressed directly, a partition does not know its parent's policies",
    fix: 'enable and force row-level security on it, or revoke all on it from the door roles',
    sql: (database) => `
      select distinct c.oid::regclass::text as subject
      from pg_class c join pg_roles door on door.rolname in ${database}
      where c.relispartition and c.relkind in ('r', 'p')
        and not (c.relrowsecurity and c.relforcerowsecurity)
        and ${canTouch('door.oid', 'c.oid')}`,
  },
  dangerousRoles,
  dangerousGrants,
  {
    id: 'L11',
    name: 'an index behind row-level security cannot be used',
    why: 'an operator that is not leakproof (enum, numeric, jsonb, arrays, citext) waits for the policy, over all rows',
    fix: 'use text, integer, uuid or timestamptz in the index',
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
    name: 'a policy speaks for everybody, or for several roles',
    why: 'one policy is for one door: a wider one opens doors its author did not think of',
    fix: 'create policy ... to one role',
    sql: () => `
      select p.polrelid::regclass::text || ' (' || p.polname || ')' as subject
      from pg_policy p join pg_class c on c.oid = p.polrelid
      join pg_namespace n on n.oid = c.relnamespace
      where ${own('pg_class', 'c.oid')} and (cardinality(p.polroles) <> 1 or 0::oid = any (p.polroles))`,
  },
  unreachable,
]
