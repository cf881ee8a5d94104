import type pg from 'pg'
import type { LintRule } from '../lint/lint_rule.ts'

/** Large objects belong to no tenant. By default every role may create them, without a limit. */
const functions = `
  select p.oid::regprocedure::text as subject
  from pg_proc p
  where p.pronamespace = 'pg_catalog'::regnamespace and p.proname ~ '^lo(_|read$|write$)'`

/** Not a gate: only a superuser can revoke these privileges. */
export const largeObjects: LintRule = {
  id: 'L16',
  name: 'a serving role can write large objects',
  why: 'they belong to no tenant and have no size limit: one query can fill the disk',
  fix: 'run tenantry setup as a superuser, or monitor pg_largeobject if there is none',
  sql: (serving) => `
    select string_agg(distinct r.rolname, ', ' order by r.rolname) as subject
    from pg_roles r
    where r.rolname in ${serving} and exists (
      ${functions} and has_function_privilege(r.oid, p.oid, 'execute'))
    having count(*) > 0`,
}

/** Revokes the functions for large objects from PUBLIC in this database, if the client may. */
export async function revokeLargeObjects(client: pg.ClientBase): Promise<void> {
  const { rows } = await client.query<{ subject: string }>(`${functions}
    and (select rolsuper from pg_roles where rolname = current_user)
    and has_function_privilege('public', p.oid, 'execute')`)
  if (rows.length === 0) return
  const names = rows.map(({ subject }) => `pg_catalog.${subject}`).join(', ')
  await client.query(`revoke execute on function ${names} from public`)
}
