/** Settings of PostgreSQL, by name. */
export type Settings = Readonly<Record<string, string>>

/** A database role: its name, the setting that holds its DSN, and the limits the server keeps for it. */
interface RoleDefinition {
  name: string
  setting:
    | 'DB_OWNER_URL'
    | 'DB_URL'
    | 'DB_IDENTITY_URL'
    | 'DB_JOBS_URL'
    | 'DB_PLATFORM_URL'
    | 'DB_BACKUP_URL'
  limits: Settings
}

/**
 * The database roles: the owner of the schema, one role for each database scope, and one for backups. None
 * of them is a superuser or has BYPASSRLS. Everything that lists roles derives the list from here.
 */
export const roles = {
  owner: {
    name: 'tenantry_owner',
    setting: 'DB_OWNER_URL',
    // A migration takes as long as it takes: a limit of the database would undo it.
    limits: {
      statement_timeout: '0',
      lock_timeout: '3s',
      idle_in_transaction_session_timeout: '60s',
    },
  },
  app: { name: 'tenantry_app', setting: 'DB_URL', limits: servingLimits('10s') },
  identity: { name: 'tenantry_identity', setting: 'DB_IDENTITY_URL', limits: servingLimits('5s') },
  jobs: { name: 'tenantry_jobs', setting: 'DB_JOBS_URL', limits: servingLimits('10s') },
  platform: { name: 'tenantry_platform', setting: 'DB_PLATFORM_URL', limits: servingLimits('60s') },
  // A dump is one transaction, which may take hours.
  backup: {
    name: 'tenantry_backup',
    setting: 'DB_BACKUP_URL',
    limits: { default_transaction_read_only: 'on' },
  },
} as const satisfies Record<string, RoleDefinition>

/**
 * Settings that the code's SQL and parsers rely on. The set-up stores them for each role in the database:
 * there they take precedence over those of server, database and role, also behind a pooler. The driver
 * itself asks for client_encoding.
 */
export const sessionSettings: Settings = {
  array_nulls: 'on',
  bytea_output: 'hex',
  datestyle: 'ISO, MDY',
  default_transaction_isolation: 'read committed',
  extra_float_digits: '1',
  // Another value leaves rows out at random.
  gin_fuzzy_search_limit: '0',
  // A limit would end the connection that receives invalidations.
  idle_session_timeout: '0',
  intervalstyle: 'postgres',
  // The lint compares names as the catalog prints them.
  quote_all_identifiers: 'off',
  row_security: 'on',
  search_path: 'public',
  standard_conforming_strings: 'on',
  timezone: 'UTC',
  transform_null_equals: 'off',
}

export type Role = keyof typeof roles

/** A role behind a database scope. The owner only migrates, and the backup role only reads all rows. */
export type ServingRole = Exclude<Role, 'owner' | 'backup'>

/** A DSN for each role. */
export type RoleUrls = Record<Role, string>

export const allRoles = Object.keys(roles) as Role[]

export const servingRoles = allRoles.filter(
  (it): it is ServingRole => it !== 'owner' && it !== 'backup',
)

/** A value for each role. */
export function forEachRole<T>(make: (role: Role) => T): Record<Role, T> {
  return Object.fromEntries(allRoles.map((role) => [role, make(role)])) as Record<Role, T>
}

/** The names of some roles as an SQL list: `tenantry_app, tenantry_identity`. */
export function namesOf(some: readonly Role[]): string {
  return some.map((role) => roles[role].name).join(', ')
}

/** The names of some roles as an SQL list for IN, and more expressions: `('tenantry_app', ...)`. */
export function literalsOf(some: readonly Role[], ...more: string[]): string {
  return `(${[...some.map((role) => `'${roles[role].name}'`), ...more].join(', ')})`
}

function servingLimits(statementTimeout: string) {
  return {
    statement_timeout: statementTimeout,
    lock_timeout: '5s',
    idle_in_transaction_session_timeout: '15s',
  }
}
