import { errorCode } from '../../lib/file_errors.ts'
import { OperatorError } from '../../lib/operator_error.ts'
import { databaseOf, serverOf, withDatabase } from '../connect/dsn.ts'
import { withClient } from '../connect/with_client.ts'
import { isDatabaseError } from '../errors.ts'
import { derivedPasswords, type RolePasswords, randomPasswords } from './passwords.ts'
import {
  acceptsPassword,
  isPooled,
  MINIMUM_VERSION,
  maintenanceUrl,
  probeServer,
  type ServerFacts,
  versionText,
} from './probe.ts'
import { provisionDatabase } from './provision.ts'
import { roleUrls } from './role_urls.ts'
import { allRoles, namesOf, type Role, roles } from './roles.ts'

export interface ServerSetup {
  /** DSN of a role that may create roles and databases. Its path names the database to create. */
  adminUrl: string
  /** The setting that holds the DSN, for error texts. */
  setting: string
  /** Passwords that an earlier set-up stored. */
  stored?: RolePasswords | undefined
  /** Passwords in the roles' DSNs in the environment. They must work afterwards. */
  given?: Partial<RolePasswords>
  /** Derive the passwords from the administrator's own: for development servers. */
  derive: boolean
  /** What to do with an existing role whose password is not known here. */
  unknownPasswords: 'reject' | 'keep' | 'reset'
}

/** What a set-up is going to do. */
export interface ProvisioningPlan {
  adminUrl: string
  setting: string
  database: string
  /** The passwords that will work afterwards. */
  known: Partial<RolePasswords>
  /** The passwords among them that the set-up must set. */
  toSet: Partial<RolePasswords>
}

/**
 * Runs a whole set-up under a lock on the server. Of two concurrent set-ups that find no roles each would
 * set passwords, and one of them would print DSNs that do not work. Throws an OperatorError if it cannot
 * connect.
 */
export async function withProvisioningLock<T>(
  { adminUrl, setting }: Pick<ServerSetup, 'adminUrl' | 'setting'>,
  work: () => Promise<T>,
): Promise<T> {
  const url = await lockUrl(adminUrl, setting)
  return withClient(url, async (client) => {
    await client.query("select pg_advisory_lock(hashtext('tenantry set-up and its passwords'))")
    return work()
  })
}

// An advisory lock belongs to one database, and roles to the whole server: set-ups of two databases have
// to lock in the same one. A provider may not let the administrator connect to `postgres`.
async function lockUrl(adminUrl: string, setting: string): Promise<string> {
  const shared = withDatabase(adminUrl, 'postgres')
  try {
    await withClient(shared, async () => {})
    return shared
  } catch {
    return maintenanceUrl(adminUrl, setting)
  }
}

/**
 * Inspects a server and decides how to set it up. Changes nothing. Throws an OperatorError if the server
 * cannot be used.
 */
export async function planProvisioning(setup: ServerSetup): Promise<ProvisioningPlan> {
  const { adminUrl: url, setting } = setup
  const database = databaseOf(url)
  if (['', 'postgres', 'template0', 'template1'].includes(database)) {
    throw new OperatorError(
      `${setting} must end with the name of a database for Tenantry, such as /saas_db`,
    )
  }
  const adminUrl = await maintenanceUrl(url, setting)
  assertUsable(await probeServer(adminUrl, setting), setup)
  await assertDirect(adminUrl, setting)
  const existing = await existingRoles(adminUrl)
  return {
    adminUrl,
    setting,
    database,
    ...(await choosePasswords({ ...setup, adminUrl }, existing)),
  }
}

/** Carries out a plan. Throws an OperatorError if the administrator lacks a privilege. */
export async function applyPlan({
  adminUrl,
  setting,
  database,
  toSet,
}: ProvisioningPlan): Promise<void> {
  try {
    await provisionDatabase({ adminUrl, database, passwords: toSet })
  } catch (error) {
    if (!isDatabaseError(error)) throw error
    const remedy =
      errorCode(error) === '42501'
        ? ': use the DSN of a superuser, or of the role that created the tenantry roles'
        : ''
    throw new OperatorError(
      `${setting}: the set-up at ${serverOf(adminUrl)} failed (${error.message})${remedy}`,
      { cause: error },
    )
  }
}

/** The roles that exist on a server. */
export async function existingRoles(adminUrl: string): Promise<Role[]> {
  return withClient(adminUrl, async (admin) => {
    const { rows } = await admin.query<{ rolname: string }>(
      'select rolname from pg_roles where rolname = any($1)',
      [allRoles.map((role) => roles[role].name)],
    )
    return allRoles.filter((role) => rows.some((row) => row.rolname === roles[role].name))
  })
}

function assertUsable(facts: ServerFacts, { adminUrl, setting }: ServerSetup): void {
  const server = serverOf(adminUrl)
  if (facts.standby) {
    throw new OperatorError(`${setting}: ${server} is a read-only standby: use the primary's DSN`)
  }
  if (facts.version < MINIMUM_VERSION * 10_000) {
    throw new OperatorError(
      `${setting}: PostgreSQL at ${server} is ${versionText(facts.version)}: ` +
        `use ${MINIMUM_VERSION} or later`,
    )
  }
  if (!facts.administrator) {
    throw new OperatorError(
      `${setting}: "${facts.role}" may not create roles and databases: use a role that may ` +
        `(CREATEROLE and CREATEDB), or the DSNs that \`tenantry setup\` printed (${dsnSettings})`,
    )
  }
}

async function assertDirect(adminUrl: string, setting: string): Promise<void> {
  if (!(await isPooled(adminUrl, setting))) return
  throw new OperatorError(
    `${setting}: ${serverOf(adminUrl)} is a connection pooler such as PgBouncer: set a direct DSN`,
  )
}

type Chosen = Pick<ProvisioningPlan, 'known' | 'toSet'>

async function choosePasswords(setup: ServerSetup, existing: Role[]): Promise<Chosen> {
  const derived = derivesPasswords(setup) ? derivedPasswords(setup.adminUrl) : undefined
  const defaults = { ...(derived ?? setup.stored ?? randomPasswords()), ...setup.given }
  const chosen: Chosen = { known: {}, toSet: {} }
  const unknown: Role[] = []
  for (const role of allRoles) {
    if (setup.unknownPasswords === 'reset' || !existing.includes(role)) {
      chosen.toSet[role] = chosen.known[role] = defaults[role]
      continue
    }
    const candidates = [setup.given?.[role], setup.stored?.[role], derived?.[role]]
    const password = await firstAccepted(setup.adminUrl, role, candidates)
    if (setup.given?.[role] !== undefined && setup.given[role] !== password) {
      throw otherPassword(setup, role)
    }
    if (password !== undefined) chosen.known[role] = password
    else unknown.push(role)
  }
  if (unknown.length > 0 && setup.unknownPasswords === 'reject') {
    throw passwordsUnknown(setup, unknown)
  }
  return chosen
}

function derivesPasswords({ derive, adminUrl }: ServerSetup): boolean {
  return derive && new URL(adminUrl).password !== ''
}

async function firstAccepted(
  adminUrl: string,
  role: Role,
  candidates: (string | undefined)[],
): Promise<string | undefined> {
  for (const password of candidates) {
    if (password === undefined) continue
    const { [role]: url } = roleUrls(adminUrl, databaseOf(adminUrl), { [role]: password })
    if (url !== undefined && (await acceptsPassword(url))) return password
  }
  return undefined
}

// Setting the password of a stale environment would lock out the servers that use the current one.
function otherPassword({ adminUrl }: ServerSetup, role: Role): OperatorError {
  const { name, setting } = roles[role]
  return new OperatorError(
    `${setting}: ${name} has another password at ${serverOf(adminUrl)}: correct the DSN, ` +
      'or set its password with: tenantry setup --reset-passwords',
  )
}

function passwordsUnknown({ adminUrl, setting }: ServerSetup, unknown: Role[]): OperatorError {
  return new OperatorError(
    `${setting}: ${namesOf(unknown)} exist at ${serverOf(adminUrl)}, and their passwords are not known here: ` +
      `set their DSNs (${dsnSettings}), or run: tenantry setup --reset-passwords`,
  )
}

const dsnSettings = allRoles.map((role) => roles[role].setting).join(', ')
