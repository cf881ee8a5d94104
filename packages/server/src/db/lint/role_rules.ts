import { allRoles, literalsOf, roles } from '../provisioning/roles.ts'
import { type LintRule, own } from './lint_rule.ts'

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
