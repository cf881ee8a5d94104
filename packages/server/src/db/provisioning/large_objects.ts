import type pg from 'pg'
import type { LintRule } from '../lint/rules.ts'

/** Large objects know no tenant, and by default anybody may make them, without an end. */
const functions = `
  select p.oid::regprocedure::text as subject
  from pg_proc p
  where p.pronamespace = 'pg_catalog'::regnamespace and p.proname ~ '^lo(_|read$|write$)'`

/** Not a gate: only a superuser can take these rights away. */
export const largeObjects: LintRule = {
  id: 'L16',
  name: 'a door can write large objects',
  why: 'they belong to no tenant and have no limit: one query fills the disk',
  fix: 'run tenantry setup as a superuser; where there is none, watch pg_largeobject',
  sql: (database) => `
    select string_agg(distinct door.rolname, ', ' order by door.rolname) as subject
    from pg_roles door
    where door.rolname in ${database} and exists (
      ${functions} and has_function_privilege(door.oid, p.oid, 'execute'))
    having count(*) > 0`,
}

/** Takes the functions of large objects from everybody in this database, where the client may. */
export async function revokeLargeObjects(client: pg.ClientBase): Promise<void> {
  const { rows } = await client.query<{ subject: string }>(`${functions}
    and (select rolsuper from pg_roles where rolname = current_user)
    and has_function_privilege('public', p.oid, 'execute')`)
  if (rows.length === 0) return
  const names = rows.map(({ subject }) => `pg_catalog.${subject}`).join(', ')
  await client.query(`revoke execute on function ${names} from public`)
}
