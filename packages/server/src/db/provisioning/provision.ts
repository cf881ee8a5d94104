import pg from 'pg'
import { errorCode } from '../../lib/file_errors.ts'
import { OperatorError } from '../../lib/operator_error.ts'
import { withDatabase } from '../connect/dsn.ts'
import { withClient } from '../connect/with_client.ts'
import { revokeLargeObjects } from './large_objects.ts'
import type { RolePasswords } from './passwords.ts'
import { encodingFault } from './probe.ts'
import { ensureSessionSettings, resetStraySettings } from './role_settings.ts'
import { roleUrls } from './role_urls.ts'
import { allRoles, namesOf, type Role, roles, servingRoles } from './roles.ts'
import { scramVerifier } from './scram.ts'

export interface ProvisioningOptions<Passwords extends Partial<RolePasswords>> {
  /** DSN of a role that may create roles and databases, to an existing database. */
  adminUrl: string
  /** The database to create. */
  database: string
  /** Passwords by role. A role without one keeps its password. */
  passwords: Passwords
}

/**
 * Creates the roles, the database and the schema that are missing. Running it again sets the given
 * passwords and resets the roles' settings; it changes nothing else. Returns the DSNs of the roles whose
 * passwords are given.
 */
export async function provisionDatabase<Passwords extends Partial<RolePasswords>>({
  adminUrl,
  database,
  passwords,
}: ProvisioningOptions<Passwords>): Promise<{ [R in keyof Passwords]: string }> {
  await withClient(adminUrl, async (admin) => {
    // Concurrent set-ups (tests, replicas) would race to create the same roles.
    await admin.query("select pg_advisory_lock(hashtext('tenantry setup'))")
    for (const role of allRoles) await ensureRole(admin, role, passwords[role])
    await ensureDatabase(admin, adminUrl, database)
    await withClient(withDatabase(adminUrl, database), ensureSchema)
  })
  return roleUrls(adminUrl, database, passwords)
}

async function ensureRole(admin: pg.Client, role: Role, password: string | undefined) {
  const { name, limits } = roles[role]
  const { rows } = await admin.query<{ settings: string[] }>(
    "select coalesce(rolconfig, '{}') as settings from pg_roles where rolname = $1",
    [name],
  )
  if (rows.length === 0) {
    // In PostgreSQL 15 the owner of the database owns schema public through inheritance only.
    const inherit = role === 'owner' ? 'inherit' : 'noinherit'
    await admin.query(`create role ${name} login nosuperuser nocreatedb nocreaterole ${inherit}`)
  }
  if (password !== undefined) {
    const verifier = await scramVerifier(password)
    await admin.query(`alter role ${name} password ${pg.escapeLiteral(verifier)}`)
  }
  for (const [setting, value] of Object.entries(limits)) {
    // If another administrator created the role, this one may lack the privilege to alter it: do not
    // alter what is already right.
    if (rows[0]?.settings.includes(`${setting}=${value}`)) continue
    await admin.query(`alter role ${name} set ${setting} = ${pg.escapeLiteral(value)}`)
  }
}

async function ensureDatabase(admin: pg.Client, adminUrl: string, database: string): Promise<void> {
  const name = pg.escapeIdentifier(database)
  const owner = roles.owner.name
  await ensureMayBecomeOwner(admin)
  const { rows } = await admin.query<{ owner: string; encoding: string }>(
    `select pg_get_userbyid(datdba) as owner, pg_encoding_to_char(encoding) as encoding
     from pg_database where datname = $1`,
    [database],
  )
  const [found] = rows
  if (found === undefined) await createDatabase(admin, `${name} owner ${owner}`)
  else {
    const fault = encodingFault(found)
    if (fault !== undefined) throw new OperatorError(`database "${database}": ${fault}`)
    if (found.owner !== owner) await takeOver(admin, adminUrl, database, found.owner)
  }
  await admin.query(`revoke all on database ${name} from public`)
  await admin.query(`grant connect on database ${name} to ${namesOf([...servingRoles, 'backup'])}`)
}

// A server's default may be SQL_ASCII or LATIN1. Only template0 can be copied with another encoding.
async function createDatabase(admin: pg.Client, nameAndOwner: string): Promise<void> {
  const statement = `create database ${nameAndOwner} template template0 encoding 'UTF8'`
  try {
    await admin.query(statement)
  } catch (error) {
    // The server's locale is of another encoding. C fits each.
    if (errorCode(error) !== '22023') throw error
    await admin.query(`${statement} lc_collate 'C' lc_ctype 'C'`)
  }
}

// Creating a database for the owner requires SET ROLE to it. Since PostgreSQL 16 that is a separate
// privilege, which creating the role does not include.
async function ensureMayBecomeOwner(admin: pg.Client): Promise<void> {
  const { rows } = await admin.query<{ allowed: boolean }>(
    `select pg_has_role(current_user, $1,
      case when current_setting('server_version_num')::int < 160000 then 'member' else 'set' end)
      as allowed`,
    [roles.owner.name],
  )
  if (rows[0]?.allowed !== true) await admin.query(`grant ${roles.owner.name} to current_user`)
}

// Takes an empty database (from `createdb saas_db`, or one that a hosted server provides), but never
// one that is in use.
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
        `ALTER DATABASE ${name} OWNER TO ${roles.owner.name}`,
    )
  }
  await admin.query(`alter database ${name} owner to ${roles.owner.name}`)
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

async function ensureSchema(client: pg.Client): Promise<void> {
  await client.query(`create schema if not exists tenantry authorization ${roles.owner.name}`)
  await resetStraySettings(client)
  await ensureSessionSettings(client)
  await revokeLargeObjects(client)
}
