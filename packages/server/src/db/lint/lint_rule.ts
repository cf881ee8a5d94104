/**
 * A rule for the catalog. Its query returns a row for each violation, with the column `subject`, and
 * `fix` where the fix depends on it.
 */
export interface LintRule {
  id: string
  /** What a violation is. */
  name: string
  why: string
  fix: string
  /** `serving` is an SQL list of the serving roles: `('tenantry_app', ...)`. */
  sql(serving: string): string
}

/** Tables, views and schemas that belong neither to the system nor to an extension. */
export const own = (catalog: 'pg_class' | 'pg_namespace', object: string) => `(
  n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and not exists (
    select from pg_depend d where d.deptype = 'e'
    and d.classid = '${catalog}'::regclass and d.objid = ${object}))`

export const hasTenantColumn = (table: string) => `exists (
  select from pg_attribute a
  where a.attrelid = ${table} and a.attname = 'tenant_id' and not a.attisdropped)`

/** Includes column privileges: one readable column is enough for a leak. */
export const canAccess = (role: string, table: string) => `(
  has_table_privilege(${role}, ${table}, 'select, insert, update, delete')
  or has_any_column_privilege(${role}, ${table}, 'select, insert, update'))`
