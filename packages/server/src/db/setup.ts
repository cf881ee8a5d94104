import { createHmac, randomBytes } from 'node:crypto'
import pg from 'pg'

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

// Limits the server keeps by itself, whatever a client does.
const limits: Record<Role, Record<string, string>> = {
  owner: { lock_timeout: '3s', idle_in_transaction_session_timeout: '60s' },
  app: serving('10s'),
  identity: serving('5s'),
  platform: serving('60s'),
}

export interface SetupOptions {
  /** DSN of a role that may create roles and databases; its path names the database to make. */
  adminUrl: string
  database: string
  /** Passwords by role; a role without one here keeps what it has. */
  passwords: Partial<Record<Role, string>>
}

/**
 * Makes roles, database and schema where they are missing; running it again changes nothing but
 * the given passwords. Gives the DSNs of the roles a password is known for.
 */
export async function setupDatabase(options: SetupOptions): Promise<Partial<RoleUrls>> {
  await withClient(options.adminUrl, async (admin) => {
    // Two set-ups at once (tests, replicas) would race for the same roles.
    await admin.query("select pg_advisory_lock(hashtext('tenantry setup'))")
    for (const role of roleNames) await ensureRole(admin, role, options.passwords[role])
    await ensureDatabase(admin, options.database)
  })
  await withClient(withDatabase(options.adminUrl, options.database), ensureSchema)
  return Object.fromEntries(
    Object.entries(options.passwords).map(([role, password]) => [
      role,
      roleUrl(options, roles[role as Role], password),
    ]),
  )
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
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 })
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

const roleNames = Object.keys(roles) as Role[]

function serving(statement: string): Record<string, string> {
  return {
    statement_timeout: statement,
    lock_timeout: '5s',
    idle_in_transaction_session_timeout: '15s',
  }
}

function passwordsBy(make: (role: Role) => string): Record<Role, string> {
  return {
    owner: make('owner'),
    app: make('app'),
    identity: make('identity'),
    platform: make('platform'),
  }
}

function roleUrl(options: SetupOptions, role: string, password: string): string {
  const url = new URL(withDatabase(options.adminUrl, options.database))
  url.username = role
  url.password = encodeURIComponent(password)
  return url.href
}

async function ensureRole(admin: pg.Client, role: Role, password: string | undefined) {
  const name = roles[role]
  const { rowCount } = await admin.query('select from pg_roles where rolname = $1', [name])
  if (rowCount === 0) {
    await admin.query(`create role ${name} login nosuperuser nocreatedb nocreaterole noinherit`)
  }
  if (password !== undefined) {
    await admin.query(`alter role ${name} password ${pg.escapeLiteral(password)}`)
  }
  for (const [setting, value] of Object.entries(limits[role])) {
    await admin.query(`alter role ${name} set ${setting} = ${pg.escapeLiteral(value)}`)
  }
}

async function ensureDatabase(admin: pg.Client, database: string): Promise<void> {
  const name = pg.escapeIdentifier(database)
  // Only a member of the owner may give it a database; PostgreSQL 16 no longer implies that.
  const { rows } = await admin.query<{ member: boolean }>(
    "select pg_has_role(current_user, 'tenantry_owner', 'member') as member",
  )
  if (rows[0]?.member !== true) await admin.query('grant tenantry_owner to current_user')
  const { rowCount } = await admin.query('select from pg_database where datname = $1', [database])
  if (rowCount === 0) await admin.query(`create database ${name} owner tenantry_owner`)
  await admin.query(`revoke all on database ${name} from public`)
  await admin.query(
    `grant connect on database ${name} to tenantry_app, tenantry_identity, tenantry_platform`,
  )
}

async function ensureSchema(client: pg.Client): Promise<void> {
  await client.query('create schema if not exists tenantry authorization tenantry_owner')
}
