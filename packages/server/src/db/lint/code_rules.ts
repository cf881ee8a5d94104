import { canAccess, type LintRule, own } from './lint_rule.ts'

// A trigger runs its function without the privilege to execute it.
const definer = (serving: string) => `
  p.prosecdef and p.pronamespace not in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
  and (exists (select from pg_trigger t where t.tgfoid = p.oid)
    or exists (select from pg_roles role
      where role.rolname in ${serving} and has_function_privilege(role.oid, p.oid, 'execute')))`

/** The rules for views, functions and rewrite rules. */
export const codeRules: readonly LintRule[] = [
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
    name: 'a SECURITY DEFINER function that serving roles can run has no fixed search_path',
    why: "the caller's temporary tables would shadow the tables it uses",
    fix: 'create it with: set search_path = pg_catalog, and qualify all names in it',
    sql: (serving) => `
      select p.oid::regprocedure::text as subject
      from pg_proc p
      where ${definer(serving)}
        and not exists (select from unnest(p.proconfig) s where s like 'search\\_path=%')`,
  },
  {
    id: 'L19',
    name: 'serving roles can run a SECURITY DEFINER function that is on no list',
    why: "it runs with its owner's privileges, and shows and changes what the owner may",
    fix: "make it SECURITY INVOKER, or list it in the app's catalogExceptions with a reason",
    sql: (serving) => `
      select p.oid::regprocedure::text as subject from pg_proc p where ${definer(serving)}`,
  },
  {
    id: 'L26',
    name: 'a rewrite rule changes the statements on a table or a view',
    why: "its statements run with its owner's privileges, on other tables than the statement names",
    fix: 'use a trigger, or write the statements into the handler',
    // A view is a rewrite rule itself: _RETURN.
    sql: () => `
      select c.oid::regclass::text || ' (' || r.rulename || ')' as subject
      from pg_rewrite r
      join pg_class c on c.oid = r.ev_class join pg_namespace n on n.oid = c.relnamespace
      where ${own('pg_class', 'c.oid')} and r.rulename <> '_RETURN'`,
  },
]
