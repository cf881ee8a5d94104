import { roles } from '../provisioning/roles.ts'
import { type LintRule, own } from './lint_rule.ts'
import { dangerousGrants, dangerousRoles } from './role_rules.ts'

const { name: backup } = roles.backup

const backupRole = `(select oid from pg_roles where rolname = '${backup}')`

/** The rules for the backup role: it reads every row, and changes none. */
export const backupRules: readonly LintRule[] = [
  {
    id: 'L24',
    name: 'the backup role cannot read all rows of this table',
    why: 'pg_dump leaves out rows that no policy shows, and still exits with 0',
    fix:
      `call make_tenant_table in its migration, or: grant select on ... to ${backup}; ` +
      `create policy backup_all_tenants on ... for select to ${backup} using (true)`,
    // pg_dump reads each partition by its own name, under the policies of the partition.
    sql: () => `
      select c.oid::regclass::text as subject
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where ${own('pg_class', 'c.oid')} and c.relkind in ('r', 'p', 'S') and not (
        has_schema_privilege(${backupRole}, n.oid, 'usage')
        and case c.relkind when 'S' then has_sequence_privilege(${backupRole}, c.oid, 'select')
          else has_table_privilege(${backupRole}, c.oid, 'select') end
        and (not c.relrowsecurity or exists (
          select from pg_policy p where p.polrelid = c.oid and p.polpermissive
            and p.polcmd in ('r', '*') and p.polroles && array[0::oid, ${backupRole}]
            and pg_get_expr(p.polqual, p.polrelid) = 'true'))
        and not (c.relrowsecurity and exists (
          select from pg_policy p where p.polrelid = c.oid and not p.polpermissive
            and p.polcmd in ('r', '*') and p.polroles && array[0::oid, ${backupRole}])))`,
  },
  {
    id: 'L25',
    name: 'the backup role can do more than read',
    why: 'its password is on the machine that makes backups, which must not be able to change a row',
    fix: `revoke what is named from ${backup}: it needs SELECT on tables and sequences only`,
    sql: () => `
      ${dangerousRoles.sql(`('${backup}')`)}
      union all ${dangerousGrants.sql(`('${backup}')`)}
      union all
      select c.oid::regclass::text || ' (${backup})'
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where ${own('pg_class', 'c.oid')} and case
        when c.relkind = 'S' then has_sequence_privilege(${backupRole}, c.oid, 'usage, update')
        else c.relkind in ('r', 'p', 'v', 'm', 'f') and (
          has_table_privilege(${backupRole}, c.oid, 'insert, update, delete')
          or has_any_column_privilege(${backupRole}, c.oid, 'insert, update')) end`,
  },
]
