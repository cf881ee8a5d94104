import { createHmac, randomBytes } from 'node:crypto'
import pg from 'pg'
import { OperatorError } from '../../lib/operator_error.ts'
import { clientFor } from '../rotating_password.ts'
import { revokeLargeObjects } from './large_objects.ts'
import { limits, resetStraySettings } from './role_settings.ts'
import { scramVerifier } from './scram.ts'

/** The database roles, one per door, none of them superuser or BYPASSRLS. */
export const roles = {
  owner: 'tenantry_owner',
  app: 'tenantry_app',
  identity: 'tenantry_identity',
  platform: 'tenantry_platform',
} as const

export type Role = keyof typeof roles

/** A DSN for each role. */
export type RoleUrls = Record<Role, string>

export interface ProvisioningOptions {
  /** DSN of a role that may create roles and databases, to a database that exists. */
  adminUrl: string
  /** The database to make. */
  database: string
  /** Passwords by role; a role without one here keeps what it has. */
  passwords: Partial<Record<Role, string>>
}

/**
 * Makes roles, database and schema where they are missing; running it again changes nothing but
 * the given passwords, and what the roles have made of their own settings. Gives the DSNs of the roles a password is known for.
 */
export async function provisionDatabase(options: ProvisioningOptions): Promise<Partial<RoleUrls>> {
  await withClient(options.adminUrl, async (admin) => {
    // Two set-ups at once (tests, replicas) would race for the same roles.
    await admin.query("select pg_advisory_lock(hashtext('tenantry setup'))")
    for (const role of roleNames) await ensureRole(admin, role, options.passwords[role])
    await ensureDatabase(admin, options)
    await withClient(withDatabase(options.adminUrl, options.database), ensureInside)
  })
  return roleUrls(options.adminUrl, options.database, options.passwords)
}

/** The DSNs of the roles whose passwords are given. */
export function roleUrls<Passwords extends Partial<Record<Role, string>>>(
  adminUrl: string,
  database: string,
  passwords: Passwords,
): { [R in keyof Passwords]: string } {
  const urls = Object.entries(passwords).map(([role, password]) => {
    const url = new URL(withDatabase(adminUrl, database))
    url.username = roles[role as Role]
    url.password = encodeURIComponent(password)
    return [role, url.href]
  })
  return Object.fromEntries(urls)
}

/** A DSN that works as the owner with the administrator's password, for who may become the owner. */
export function asOwner(adminUrl: string, database: string): string {
  const url = new URL(withDatabase(adminUrl, database))
  const settings = { role: roles.owner, ...limits.owner }
  const options = Object.entries(settings).map(([name, value]) => `-c ${name}=${value}`)
  url.searchParams.set('options', options.join(' '))
  return url.href
}

/** Which of the roles exist already on the server. */
export async function existingRoles(adminUrl: string): Promise<Role[]> {
  return withClient(adminUrl, async (admin) => {
    const { rows } = await admin.query<{ rolname: string }>(
      'select rolname from pg_roles where rolname = any($1)',
      [Object.values(roles)],
    )
    return roleNames.filter((role) => rows.some((row) => row.rolname === roles[role]))
  })
}

/** A random password for each role. */
export function randomPasswords(): Record<Role, string> {
  return passwordsBy(() => randomBytes(24).toString('base64url'))
}

/**
 * Passwords that follow from the administrator's own, so that every checkout and test run on one
 * development server agrees on them without sharing a file.
 */
export function derivedPasswords(adminUrl: string): Record<Role, string> {
  const { password } = new URL(adminUrl)
  return passwordsBy((role) =>
    createHmac('sha256', password).update(`tenantry ${role}`).digest('base64url').slice(0, 32),
  )
}

/** The same server and credentials, another database. */
export function withDatabase(url: string, database: string): string {
  const changed = new URL(url)
  changed.pathname = `/${encodeURIComponent(database)}`
  return changed.href
}

/** Runs `work` on one connection of its own and closes it. */
export async function withClient<T>(
  url: string,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const Client = clientFor(url)
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 5_000 })
  // A connection lost between two queries is told by the next one, and must not end the process.
  client.on('error', () => {})
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

const roleNames = Object.keys(roles) as Role[]

function passwordsBy(make: (role: Role) => string): Record<Role, string> {
  return {
    owner: make('owner'),
    app: make('app'),
    identity: make('identity'),
    platform: make('platform'),
  }
}

async function ensureRole(admin: pg.Client, role: Role, password: string | undefined) {
  const name = roles[role]
  const { rows } = await admin.query<{ settings: string[] }>(
    "select coalesce(rolconfig, '{}') as settings from pg_roles where rolname = $1",
    [name],
  )
  if (rows.length === 0) {
    // In PostgreSQL 15 schema public is the database owner's by inheritance only.
    const inherit = role === 'owner' ? 'inherit' : 'noinherit'
    await admin.query(`create role ${name} login nosuperuser nocreatedb nocreaterole ${inherit}`)
  }
  if (password !== undefined) {
    const verifier = await scramVerifier(password)
    await admin.query(`alter role ${name} password ${pg.escapeLiteral(verifier)}`)
  }
  for (const [setting, value] of Object.entries(limits[role])) {
    // Another administrator may have made the role: what is right already needs no right to alter.
    if (rows[0]?.settings.includes(`${setting}=${value}`)) continue
    await admin.query(`alter role ${name} set ${setting} = ${pg.escapeLiteral(value)}`)
  }
}

async function ensureDatabase(
  admin: pg.Client,
  { adminUrl, database }: ProvisioningOptions,
): Promise<void> {
  const name = pg.escapeIdentifier(database)
  // Only who may become the owner may give it a database. From PostgreSQL 16 on that is a privilege
  // of its own, which whoever makes a role does not have by that.
  const { rows } = await admin.query<{ allowed: boolean }>(`
    select pg_has_role(current_user, 'tenantry_owner',
      case when current_setting('server_version_num')::int < 160000 then 'member' else 'set' end)
      as allowed`)
  if (rows[0]?.allowed !== true) await admin.query('grant tenantry_owner to current_user')
  const { rows: found } = await admin.query<{ owner: string }>(
    'select pg_get_userbyid(datdba) as owner from pg_database where datname = $1',
    [database],
  )
  if (found[0] === undefined) await admin.query(`create database ${name} owner tenantry_owner`)
  else if (found[0].owner !== roles.owner) await takeOver(admin, adminUrl, database, found[0].owner)
  await admin.query(`revoke all on database ${name} from public`)
  await admin.query(
    `grant connect on database ${name} to tenantry_app, tenantry_identity, tenantry_platform`,
  )
}

// An empty database (`createdb saas_db`, a hosted server's own) becomes ours; one in use never.
async function takeOver(
  admin: pg.Client,
  adminUrl: string,
  database: string,
  owner: string,
): Promise<void> {
  const url = withDatabase(adminUrl, database)
  const name = pg.escapeIdentifier(database)
  if (maintenanceDatabases.has(database) || (await withClient(url, countTables)) > 0) {
    throw new OperatorError(
      `database "${database}" exists, belongs to "${owner}" and is in use: name another one ` +
        '(it will be created), or hand it over with ' +
        `ALTER DATABASE ${name} OWNER TO ${roles.owner}`,
    )
  }
  await admin.query(`alter database ${name} owner to ${roles.owner}`)
}

const maintenanceDatabases = new Set(['postgres', 'template0', 'template1'])

async function countTables(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ count: number }>(`
    select count(*)::int as count from pg_class c
    where c.relkind in ('r', 'p', 'v', 'm', 'f') and c.relnamespace in (
      select oid from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema')
    and not exists (
      select from pg_depend d
      where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')`)
  return rows[0]?.count ?? 0
}

async function ensureInside(client: pg.Client): Promise<void> {
  await client.query('create schema if not exists tenantry authorization tenantry_owner')
  await resetStraySettings(client)
  await revokeLargeObjects(client)
}
