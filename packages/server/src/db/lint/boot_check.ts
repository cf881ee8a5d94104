import type pg from 'pg'
import { OperatorError } from '../../lib/operator_error.ts'
import { withClient } from '../connect/with_client.ts'
import { connectionFault } from '../provisioning/probe.ts'
import {
  literalsOf,
  type Role,
  type RoleUrls,
  roles,
  type ServingRole,
  servingRoles,
} from '../provisioning/roles.ts'
import { exceptionFaults, isExcepted, type LintExceptions } from './exceptions.ts'
import { allFindings, findingText, lint } from './lint.ts'
import { dangerousRoles } from './role_rules.ts'
import { rulesFor } from './rules.ts'

/** A DSN that this process opens, and the roles that it may name. */
export interface DsnToCheck {
  setting: string
  url: string
  /** The first one is named in the remedy. */
  accepted: readonly [ServingRole, ...ServingRole[]]
  connect<T>(work: (client: pg.ClientBase) => Promise<T>): Promise<T>
}

/** The DSNs of the pools that are open. */
export function dsnsOfPools(
  urls: Partial<RoleUrls>,
  pools: Partial<Record<Role, pg.Pool>>,
): DsnToCheck[] {
  return servingRoles.flatMap((role) => {
    const { [role]: url } = urls
    const { [role]: pool } = pools
    if (url === undefined || pool === undefined) return []
    const { setting } = roles[role]
    return [{ setting, url, accepted: [role], connect: (work) => withPooled(pool, work) }]
  })
}

/** The listener's DSN, if it has its own: LISTEN needs no privilege, so the roles with the fewest do. */
export function dsnOfListener(url: string | undefined): DsnToCheck[] {
  if (url === undefined) return []
  const accepted = ['app', 'identity'] as const
  return [{ setting: 'DB_LISTEN_URL', url, accepted, connect: (work) => withClient(url, work) }]
}

/**
 * Rejects a role that row-level security does not apply to, and the DSN of another role. Needs no schema.
 * Returns the names of the roles. Throws an OperatorError with a line for each fault.
 */
export async function assertServingRoles(checked: readonly DsnToCheck[]): Promise<string[]> {
  const results: Result[] = []
  // Sequentially: an unreachable server is then reported once only.
  for (const dsn of checked) results.push(await checkDsn(dsn))
  const faults = results.map(({ fault }) => fault).filter((it) => it !== undefined)
  if (faults.length > 0) throw new OperatorError(faults.join('\n'))
  const databases = new Set(results.map(({ database }) => database))
  if (databases.size > 1) {
    const settings = checked.map(({ setting }) => setting).join(' and ')
    throw new OperatorError(
      `${settings} name different databases (${[...databases].join(', ')}): correct them`,
    )
  }
  return [...new Set(results.map(({ user }) => user))]
}

/** What is wrong with a schema, a line for each fault. */
export interface SchemaFaults {
  /** Violations of the rules. */
  violations: string[]
  /** Exceptions of the app that excuse nothing or have no reason. */
  exceptions: string[]
}

/**
 * Runs all rules. `logins` are the roles of the server's DSNs: each may have privileges and policies in
 * addition to those of the role it is a member of.
 */
export async function schemaFaults(
  client: pg.Pool | pg.ClientBase,
  app: LintExceptions,
  logins: readonly string[] = [],
): Promise<SchemaFaults> {
  const others = logins.filter((it) => !servingRoles.some((role) => roles[role].name === it))
  const literals = others.map((it) => `'${it.replaceAll("'", "''")}'`)
  const all = await allFindings(client, rulesFor(app), literalsOf(servingRoles, ...literals))
  // assertServingRoles has judged a login's own memberships.
  const isOfLogin = (subject: string) => others.some((it) => subject.startsWith(`${it} (`))
  const found = all.filter(
    ({ rule, subject }) =>
      !isExcepted(rule.id, subject, app) && (rule !== dangerousRoles || !isOfLogin(subject)),
  )
  return { violations: [...new Set(found.map(findingText))], exceptions: exceptionFaults(all, app) }
}

interface Result {
  user: string
  database: string
  fault?: string
}

async function withPooled<T>(
  pool: pg.Pool,
  work: (client: pg.ClientBase) => Promise<T>,
): Promise<T> {
  const client = await pool.connect()
  try {
    return await work(client)
  } finally {
    client.release()
  }
}

async function checkDsn(dsn: DsnToCheck): Promise<Result> {
  const { setting, url, accepted } = dsn
  try {
    return await dsn.connect((client) => checkConnection(client, setting, accepted))
  } catch (error) {
    throw connectionFault(error, url, setting)
  }
}

async function checkConnection(
  client: pg.ClientBase,
  setting: string,
  accepted: DsnToCheck['accepted'],
): Promise<Result> {
  const { rows } = await client.query<Connected>(
    `select current_user as user, current_database() as database, exists (
       select from pg_roles r
       where r.rolname in ${literalsOf(accepted)} and pg_has_role(current_user, r.oid, 'usage')) as matches,
       current_setting('session_replication_role') as triggers`,
  )
  const { user = '', database = '', matches = false, triggers = 'origin' } = rows[0] ?? {}
  const names = accepted.map((it) => roles[it].name)
  const wrong = faultOf(user, await powersOf(client, user, names), matches, names)
  const fault = wrong ?? triggerFault(triggers, database)
  return { user, database, ...(fault === undefined ? {} : { fault: `${setting}: ${fault}` }) }
}

interface Connected {
  user: string
  database: string
  matches: boolean
  triggers: string
}

// Only a superuser can set it, also to its default: the set-up cannot store it, nor a connection reset it.
function triggerFault(value: string, database: string): string | undefined {
  if (value === 'origin') return undefined
  return (
    `session_replication_role is "${value}": triggers do not run, and a revoked session stays valid. ` +
    `Reset it as a superuser: alter database "${database}" reset session_replication_role ` +
    '(or alter role, or alter system)'
  )
}

async function powersOf(
  client: pg.ClientBase,
  user: string,
  expected: readonly string[],
): Promise<string[]> {
  const findings = await lint(client, [dangerousRoles], { roles: '(current_user)' })
  const powers = findings.map(({ subject }) => subject.slice(user.length + 2, -1))
  // For rotating passwords, a separate login role may be a member of the expected role.
  const allowed = expected.map((it) => `member of ${it}`)
  const found = [...new Set(powers)].filter((it) => !allowed.includes(it))
  return found.includes('superuser') ? ['superuser'] : found
}

function faultOf(
  user: string,
  powers: string[],
  matches: boolean,
  names: readonly string[],
): string | undefined {
  const remedy = `set the DSN of ${names.join(' or ')} that \`tenantry setup\` prints`
  if (powers.length > 0) {
    const fault = `"${user}" can bypass row-level security (${powers.join(', ')})`
    return `${fault}, and the server never runs as such a role: ${remedy}`
  }
  return matches ? undefined : `"${user}" is not ${names.join(' or ')}: ${remedy}`
}
