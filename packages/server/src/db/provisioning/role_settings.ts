import pg from 'pg'
import type { LintRule } from '../lint/lint_rule.ts'
import { allRoles, literalsOf, roles, type Settings, sessionSettings } from './roles.ts'

/**
 * Applies the session settings and the limits of a role to one connection, even if the role has changed
 * its own settings, or the DSN or another login role brings others.
 */
export async function limitSession(
  client: pg.ClientBase,
  limits: Settings,
  timeoutMs: number,
): Promise<void> {
  const sets = Object.entries({ ...sessionSettings, ...limits }).map(
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
  why: 'a limit is lifted, or connections begin with a tenant or with a setting that changes results',
  fix: 'run: tenantry setup',
  sql: () => `
    select role || ' (' || setting || coalesce(' = ' || value, '') || ')' as subject
    from (${strays} union all ${missing} union all ${missingHere}) found order by 1`,
}

/** Resets the settings of the roles that the set-up did not make, in this database and in general. */
export async function resetStraySettings(client: pg.ClientBase): Promise<void> {
  const { rows } = await client.query<Stray>(strays)
  for (const { role, database, setting } of rows) {
    const scope = database === null ? '' : `in database ${pg.escapeIdentifier(database)}`
    await client.query(`alter role ${role} ${scope} reset ${pg.escapeIdentifier(setting)}`)
  }
}

/** Stores the session settings of the roles in this database. Leaves what is right, as `ensureRole` does. */
export async function ensureSessionSettings(client: pg.ClientBase): Promise<void> {
  const { rows } = await client.query<Stray & { database: string }>(
    `select *, current_database() as database from (${missingHere}) missing`,
  )
  const statements = rows.map(({ role, database, setting }) => {
    const value = pg.escapeLiteral(sessionSettings[setting] ?? '')
    return `alter role ${role} in database ${pg.escapeIdentifier(database)} set ${setting} = ${value}`
  })
  if (statements.length > 0) await client.query(statements.join(';'))
}

/** Whether the roles have their session settings in this database. An older set-up stored none. */
export async function hasSessionSettings(client: pg.ClientBase): Promise<boolean> {
  return (await client.query(missingHere)).rowCount === 0
}

/**
 * The settings that have a wrong value on this connection, each with where that comes from. A set-up does not
 * store `default_transaction_read_only`: a provider sets it on purpose, for instance while a disk is full.
 */
export async function inheritedSettings(client: pg.ClientBase): Promise<string[]> {
  const { rows } = await client.query<Inherited>(`
    select name, s.setting as value, source from pg_settings s
    left join ${stored} on stored.setting = lower(name)
    where stored.value <> s.setting
      or name = 'default_transaction_read_only' and s.setting = 'on' and source !~ 'user'
    order by name`)
  return rows.map(inheritedText)
}

interface Inherited {
  name: string
  value: string
  source: string
}

function inheritedText({ name, value, source }: Inherited): string {
  const place = source === 'client' ? 'the options of its DSN' : `the level "${source}"`
  const wanted = sessionSettings[name.toLowerCase()]
  if (wanted === undefined) {
    return `${name} is "${value}" by ${place}: writes get 503 until it is off; providers set it while a disk is full`
  }
  const remedy = source === 'client' ? 'remove it there' : 'run: tenantry setup'
  return `${name} is "${value}" by ${place}, and must be "${wanted}": ${remedy}`
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

const stored = `(values ${Object.entries(sessionSettings)
  .map(([setting, value]) => `('${setting}', '${value}')`)
  .join(', ')}) stored (setting, value)`

// A database administrator may tune a setting that does not affect meaning, such as work_mem.
const GUARDED =
  '^(statement_timeout|lock_timeout|idle_in_transaction_session_timeout|transaction_timeout|' +
  'role|session_replication_role|default_transaction_.*|app\\..*|' +
  `${Object.keys(sessionSettings).join('|')})$`

const actual = `(
  select r.rolname::text as role, b.datname::text as database,
    lower(split_part(s, '=', 1)) as setting, substr(s, strpos(s, '=') + 1) as value
  from pg_db_role_setting d
  join pg_roles r on r.oid = d.setrole
  left join pg_database b on b.oid = d.setdatabase
  cross join unnest(d.setconfig) s
  where d.setdatabase = 0 or b.datname = current_database()) actual`

const strays = `
  select role, database, setting, value from ${actual}
  where role in ${literalsOf(allRoles)}
    and setting ~ '${GUARDED}'
    and not (database is null and (
      exists (
        select from ${expected} where expected.role = actual.role
        and expected.setting = actual.setting and expected.value = actual.value)
      or exists (select from ${stored} where stored.setting = actual.setting)))
    and not (database is not null and exists (
      select from ${stored}
      where stored.setting = actual.setting and stored.value = actual.value))`

const missing = `
  select role, null, setting, null from ${expected}
  where exists (select from pg_roles where rolname = role) and not exists (
    select from ${actual} where actual.role = expected.role and actual.database is null
    and actual.setting = expected.setting)`

// At the level of the role in this database only: a setting of the role in general would not hold against
// one of the role in this database.
const missingHere = `
  select rolname::text as role, null, setting, null
  from pg_roles cross join ${stored}
  where rolname in ${literalsOf(allRoles)} and not exists (
    select from ${actual} where actual.role = rolname and actual.database is not null
    and actual.setting = stored.setting)`
