import { canAccess, hasTenantColumn, type LintRule, own } from './lint_rule.ts'

// Only Citus makes its triggers, on tables that it has distributed.
const isLifted = (table: string) => `(
  ${table}.relrowsecurity and not ${table}.relforcerowsecurity
  and exists (select from pg_policy p where p.polrelid = ${table}.oid)
  and exists (
    select from pg_trigger t
    join pg_proc f on f.oid = t.tgfoid and f.proname = 'citus_truncate_trigger'
    join pg_depend d on d.classid = 'pg_proc'::regclass and d.objid = f.oid and d.deptype = 'e'
    join pg_extension e on e.oid = d.refobjid and d.refclassid = 'pg_extension'::regclass
    where t.tgrelid = ${table}.oid and e.extname = 'citus'))`

/**
 * Not a gate: the owner alone is exempt meanwhile, as which no server runs. A server that stops during a move
 * must be able to start.
 */
export const liftedForce: LintRule = {
  id: 'L28',
  name: 'row-level security is not forced on this table, as during a move',
  why: 'the owner sees the rows of all tenants in it',
  fix: 'after the move run: tenantry scale citus --restore-force',
  sql: () => `select c.oid::regclass::text as subject from pg_class c where ${isLifted('c')}`,
}

/** The rules for tables and their row-level security. */
export const tableRules: readonly LintRule[] = [
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
          and exists (select from pg_policy p where p.polrelid = c.oid))
        and not ${isLifted('c')}`,
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
  {
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
        and not ${isLifted('c')}
        and ${canAccess('role.oid', 'c.oid')}`,
  },
  {
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
  },
]
