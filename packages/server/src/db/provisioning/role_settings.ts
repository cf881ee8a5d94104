import pg from 'pg'
import type { LintRule } from '../lint/rules.ts'

/** Settings of PostgreSQL, by name. */
export type Settings = Readonly<Record<string, string>>

/** Limits the server keeps by itself, whatever a client does; by door, and of the owner. */
export const limits: Readonly<Record<'owner' | 'app' | 'identity' | 'platform', Settings>> = {
  owner: { lock_timeout: '3s', idle_in_transaction_session_timeout: '60s' },
  app: serving('10s'),
  identity: serving('5s'),
  platform: serving('60s'),
}

function serving(statement: string): Settings {
  return {
    statement_timeout: statement,
    lock_timeout: '5s',
    idle_in_transaction_session_timeout: '15s',
  }
}

/** Gives a connection its door's limits, whatever its role's own settings have become. */
export async function limitSession(
  client: pg.ClientBase,
  settings: Settings,
  timeoutMs: number,
): Promise<void> {
  const sets = Object.entries(settings).map(
    ([name, value]) => `set ${name} = ${pg.escapeLiteral(value)};`,
  )
  // One statement, as a pipelining client sends them.
  const text = `do $$ begin ${sets.join(' ')} end $$`
  await client.query({ text, query_timeout: timeoutMs } as pg.QueryConfig)
}

/**
 * Not a gate of the catalog's: a role may always change its own settings, and no right takes that
 * away. What it changed is for every later connection, so it has to be noticed.
 */
export const roleSettings: LintRule = {
  id: 'L15',
  name: 'a role of ours has other settings than the set-up gives it',
  why: 'a limit that is lifted, or a search_path or tenant that every connection begins with',
  fix: 'run: tenantry setup (whoever changed it spoke to the database as that role)',
  sql: () => `
    select role || ' (' || setting || coalesce(' = ' || value, '') || ')' as subject
    from (${strays} union all ${missing}) found order by 1`,
}

/** Takes back what the roles have beside the set-up's, in this database and for all of them. */
export async function resetStraySettings(client: pg.ClientBase): Promise<void> {
  const { rows } = await client.query<Stray>(strays)
  for (const { role, database, setting } of rows) {
    const place = database === null ? '' : `in database ${pg.escapeIdentifier(database)}`
    await client.query(`alter role ${role} ${place} reset ${pg.escapeIdentifier(setting)}`)
  }
}

interface Stray {
  role: string
  /** Null where it holds in all databases. */
  database: string | null
  setting: string
}

const written = `(values ${Object.entries(limits)
  .flatMap(([role, settings]) =>
    Object.entries(settings).map(([name, value]) => `('tenantry_${role}', '${name}', '${value}')`),
  )
  .join(', ')}) written (role, setting, value)`

// A server's operator may tune what changes no meaning, such as work_mem.
const WEIGHTY =
  '^(statement_timeout|lock_timeout|idle_in_transaction_session_timeout|transaction_timeout|' +
  'search_path|row_security|role|session_replication_role|default_transaction_.*|app\\..*)$'

const held = `(
  select r.rolname::text as role, b.datname::text as database,
    split_part(s, '=', 1) as setting, substr(s, strpos(s, '=') + 1) as value
  from pg_db_role_setting d
  join pg_roles r on r.oid = d.setrole
  left join pg_database b on b.oid = d.setdatabase
  cross join unnest(d.setconfig) s
  where d.setdatabase = 0 or b.datname = current_database()) held`

const strays = `
  select role, database, setting, value from ${held}
  where role in ('tenantry_owner', 'tenantry_app', 'tenantry_identity', 'tenantry_platform')
    and setting ~ '${WEIGHTY}'
    and not (database is null and exists (
      select from ${written} where written.role = held.role
      and written.setting = held.setting and written.value = held.value))`

const missing = `
  select role, null, setting, null from ${written}
  where exists (select from pg_roles where rolname = role) and not exists (
    select from ${held} where held.role = written.role and held.database is null
    and held.setting = written.setting)`
