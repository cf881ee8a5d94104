import pg from 'pg'
import type { LintRule } from '../lint/lint_rule.ts'
import { allRoles, literalsOf, roles, type Settings } from './roles.ts'

/** Applies the limits of a role to one connection, even if the role has changed its own settings. */
export async function limitSession(
  client: pg.ClientBase,
  settings: Settings,
  timeoutMs: number,
): Promise<void> {
  const sets = Object.entries(settings).map(
    ([name, value]) => `set ${name} = ${pg.escapeLiteral(value)};`,
  )
  // A single statement: the extended protocol, which a pipelining client uses, allows no more.
  const text = `do $$ begin ${sets.join(' ')} end $$`
  await client.query({ text, query_timeout: timeoutMs } as pg.QueryConfig)
}

/**
 * Not a gate of the catalog: a role may always change its own settings, and no privilege prevents it.
 * The change applies to every later connection, so it must be detected.
 */
export const roleSettings: LintRule = {
  id: 'L15',
  name: 'the role does not have the settings that the set-up gives it',
  why: 'a limit was lifted, or every connection begins with another search_path or with a tenant',
  fix: 'run: tenantry setup (a client connected as that role has changed them)',
  sql: () => `
    select role || ' (' || setting || coalesce(' = ' || value, '') || ')' as subject
    from (${strays} union all ${missing}) found order by 1`,
}

/** Resets the settings of the roles that the set-up did not make, in this database and in general. */
export async function resetStraySettings(client: pg.ClientBase): Promise<void> {
  const { rows } = await client.query<Stray>(strays)
  for (const { role, database, setting } of rows) {
    const scope = database === null ? '' : `in database ${pg.escapeIdentifier(database)}`
    await client.query(`alter role ${role} ${scope} reset ${pg.escapeIdentifier(setting)}`)
  }
}

interface Stray {
  role: string
  /** Null if the setting applies to all databases. */
  database: string | null
  setting: string
}

const expected = `(values ${Object.values(roles)
  .flatMap(({ name, limits }) =>
    Object.entries(limits).map(([setting, value]) => `('${name}', '${setting}', '${value}')`),
  )
  .join(', ')}) expected (role, setting, value)`

// A database administrator may tune a setting that does not affect meaning, such as work_mem.
const GUARDED =
  '^(statement_timeout|lock_timeout|idle_in_transaction_session_timeout|transaction_timeout|' +
  'search_path|row_security|role|session_replication_role|default_transaction_.*|app\\..*)$'

const actual = `(
  select r.rolname::text as role, b.datname::text as database,
    split_part(s, '=', 1) as setting, substr(s, strpos(s, '=') + 1) as value
  from pg_db_role_setting d
  join pg_roles r on r.oid = d.setrole
  left join pg_database b on b.oid = d.setdatabase
  cross join unnest(d.setconfig) s
  where d.setdatabase = 0 or b.datname = current_database()) actual`

const strays = `
  select role, database, setting, value from ${actual}
  where role in ${literalsOf(allRoles)}
    and setting ~ '${GUARDED}'
    and not (database is null and exists (
      select from ${expected} where expected.role = actual.role
      and expected.setting = actual.setting and expected.value = actual.value))`

const missing = `
  select role, null, setting, null from ${expected}
  where exists (select from pg_roles where rolname = role) and not exists (
    select from ${actual} where actual.role = expected.role and actual.database is null
    and actual.setting = expected.setting)`
