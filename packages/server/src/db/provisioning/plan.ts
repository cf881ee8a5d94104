import { OperatorError } from '../../lib/operator_error.ts'
import { isDatabaseError } from '../errors.ts'
import type { RolePasswords } from './password_file.ts'
import {
  databaseOf,
  MINIMUM_VERSION,
  maintenanceUrl,
  probeServer,
  type ServerFacts,
  serverOf,
  takesPassword,
  versionText,
} from './probe.ts'
import {
  derivedPasswords,
  existingRoles,
  provisionDatabase,
  type Role,
  randomPasswords,
  roles,
  roleUrls,
  withClient,
} from './roles.ts'

export interface ServerSetup {
  /** DSN of a role that may create roles and databases; its path names the database to make. */
  adminUrl: string
  /** The setting it came from, for what is said about it. */
  setting: string
  /** Passwords of an earlier set-up. */
  kept?: RolePasswords | undefined
  /** Passwords that the roles' DSNs in the environment name, and so are to work afterwards. */
  given?: Partial<RolePasswords>
  /** Let the passwords follow from the administrator's own: for development servers. */
  derive: boolean
  /** What to do about roles that exist under a password nobody here knows. */
  strangers: 'refuse' | 'leave' | 'reset'
}

/** What a set-up is going to do. */
export interface ProvisioningPlan {
  adminUrl: string
  setting: string
  database: string
  /** The passwords that will work afterwards. */
  known: Partial<RolePasswords>
  /** Those of them that have to be set. */
  fresh: Partial<RolePasswords>
}

/** The setting that holds the DSN of a role. */
export const settingOf = {
  app: 'DB_URL',
  identity: 'DB_IDENTITY_URL',
  owner: 'DB_OWNER_URL',
  platform: 'DB_PLATFORM_URL',
} as const satisfies Record<Role, string>

/**
 * Does all of a set-up while no other does: of two that find no roles, each would give them passwords
 * of its own, and one would tell DSNs that do not work. Throws an OperatorError where it cannot connect.
 */
export async function withProvisioningLock<T>(
  { adminUrl, setting }: Pick<ServerSetup, 'adminUrl' | 'setting'>,
  work: () => Promise<T>,
): Promise<T> {
  const url = await maintenanceUrl(adminUrl, setting)
  return withClient(url, async (client) => {
    await client.query("select pg_advisory_lock(hashtext('tenantry set-up and its passwords'))")
    return work()
  })
}

/**
 * Looks at a server and decides how to set it up; changes nothing. Throws an OperatorError where
 * the server cannot be used.
 */
export async function planProvisioning(setup: ServerSetup): Promise<ProvisioningPlan> {
  const { adminUrl: url, setting } = setup
  const database = databaseOf(url)
  if (['', 'postgres', 'template0', 'template1'].includes(database)) {
    throw new OperatorError(
      `${setting} must name a database of its own: end it with one, such as /saas_db`,
    )
  }
  const adminUrl = await maintenanceUrl(url, setting)
  assertUsable(await probeServer(adminUrl, setting), setup)
  const existing = await existingRoles(adminUrl)
  return {
    adminUrl,
    setting,
    database,
    ...(await choosePasswords({ ...setup, adminUrl }, existing)),
  }
}

/** Makes roles, database and schema by the plan. Throws an OperatorError where it may not. */
export async function applyPlan({
  adminUrl,
  setting,
  database,
  fresh,
}: ProvisioningPlan): Promise<void> {
  try {
    await provisionDatabase({ adminUrl, database, passwords: fresh })
  } catch (error) {
    if (!isDatabaseError(error)) throw error
    throw new OperatorError(
      `${setting}: the set-up at ${serverOf(adminUrl)} failed (${error.message}): ` +
        'give a superuser, or the role that made the tenantry roles',
      { cause: error },
    )
  }
}

function assertUsable(facts: ServerFacts, { adminUrl, setting }: ServerSetup): void {
  const server = serverOf(adminUrl)
  if (facts.pooled) {
    throw new OperatorError(
      `${setting}: at ${server} a pooler such as PgBouncer answers: give a direct DSN for the set-up`,
    )
  }
  if (facts.version < MINIMUM_VERSION * 10_000) {
    throw new OperatorError(
      `${setting}: PostgreSQL at ${server} is ${versionText(facts.version)}: ` +
        `use ${MINIMUM_VERSION} or later`,
    )
  }
  if (!facts.administrator) {
    throw new OperatorError(
      `${setting}: "${facts.role}" may not create roles and databases: give a role that may ` +
        '(CREATEROLE and CREATEDB), or the DSNs that `tenantry setup` printed ' +
        '(DB_URL, DB_IDENTITY_URL, DB_OWNER_URL, DB_PLATFORM_URL)',
    )
  }
}

type Chosen = Pick<ProvisioningPlan, 'known' | 'fresh'>

async function choosePasswords(setup: ServerSetup, existing: Role[]): Promise<Chosen> {
  const derived = derivesPasswords(setup) ? derivedPasswords(setup.adminUrl) : undefined
  const made = { ...(derived ?? setup.kept ?? randomPasswords()), ...setup.given }
  const chosen: Chosen = { known: {}, fresh: {} }
  const strangers: string[] = []
  for (const role of roleNames) {
    if (setup.strangers === 'reset' || !existing.includes(role)) {
      chosen.fresh[role] = chosen.known[role] = made[role]
      continue
    }
    const candidates = [setup.given?.[role], setup.kept?.[role], derived?.[role]]
    const password = await firstThatWorks(setup.adminUrl, role, candidates)
    if (setup.given?.[role] !== undefined && setup.given[role] !== password) {
      throw otherPassword(setup, role)
    }
    if (password !== undefined) chosen.known[role] = password
    else strangers.push(roles[role])
  }
  if (strangers.length > 0 && setup.strangers === 'refuse') throw unknownPasswords(setup, strangers)
  return chosen
}

function derivesPasswords({ derive, adminUrl }: ServerSetup): boolean {
  return derive && new URL(adminUrl).password !== ''
}

async function firstThatWorks(
  adminUrl: string,
  role: Role,
  candidates: (string | undefined)[],
): Promise<string | undefined> {
  for (const password of candidates) {
    if (password === undefined) continue
    const { [role]: url } = roleUrls(adminUrl, databaseOf(adminUrl), { [role]: password })
    if (url !== undefined && (await takesPassword(url))) return password
  }
  return undefined
}

// A stale environment must not take its password from whoever serves with the new one.
function otherPassword({ adminUrl }: ServerSetup, role: Role): OperatorError {
  return new OperatorError(
    `${settingOf[role]}: ${roles[role]} has another password at ${serverOf(adminUrl)}: correct it, ` +
      'or give the role this one with: tenantry setup --reset-passwords',
  )
}

function unknownPasswords({ adminUrl, setting }: ServerSetup, strangers: string[]): OperatorError {
  return new OperatorError(
    `${setting}: ${strangers.join(', ')} exist at ${serverOf(adminUrl)} with passwords that are ` +
      'not known here: give their DSNs (DB_URL, DB_IDENTITY_URL, DB_OWNER_URL, DB_PLATFORM_URL), ' +
      'or run: tenantry setup --reset-passwords',
  )
}

const roleNames = ['owner', 'app', 'identity', 'platform'] as const
