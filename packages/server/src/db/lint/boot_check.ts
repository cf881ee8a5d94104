import type pg from 'pg'
import { OperatorError } from '../../lib/operator_error.ts'
import { connectionFault } from '../provisioning/probe.ts'
import {
  literalsOf,
  type Role,
  type RoleUrls,
  roles,
  type ServingRole,
  servingRoles,
} from '../provisioning/roles.ts'
import { findingText, lint } from './lint.ts'
import { dangerousGrants, dangerousRoles, forcedRls } from './rules.ts'

/** A serving role, as this process connects to the database. */
export interface RoleToCheck {
  role: ServingRole
  url: string
  pool: pg.Pool
}

const MAX_FINDINGS = 5

/** The serving roles that have a DSN and a pool. */
export function rolesToCheck(
  urls: Partial<RoleUrls>,
  pools: Partial<Record<Role, pg.Pool>>,
): RoleToCheck[] {
  return servingRoles.flatMap((role) => {
    const { [role]: url } = urls
    const { [role]: pool } = pools
    return url === undefined || pool === undefined ? [] : [{ role, url, pool }]
  })
}

/**
 * Rejects a role that row-level security does not apply to, and the DSN of another role. Needs no schema.
 * Throws an OperatorError with a line for each fault.
 */
export async function assertServingRoles(checked: readonly RoleToCheck[]): Promise<void> {
  const results: Result[] = []
  // Sequentially: an unreachable server is then reported once only.
  for (const role of checked) results.push(await checkRole(role))
  const faults = results.map(({ fault }) => fault).filter((it) => it !== undefined)
  if (faults.length > 0) throw new OperatorError(faults.join('\n'))
  const databases = new Set(results.map(({ database }) => database))
  if (databases.size > 1) {
    const settings = checked.map(({ role }) => roles[role].setting).join(' and ')
    throw new OperatorError(
      `${settings} name different databases (${[...databases].join(', ')}): correct them`,
    )
  }
}

/**
 * Rejects a schema that does not protect tenants: a serving role can access a table without forced
 * row-level security that is on no list (`allowed` is the app's), or has dangerous privileges. Throws an
 * OperatorError with a line for each fault.
 */
export async function assertTablesProtected(
  checked: readonly RoleToCheck[],
  allowed: Readonly<Record<string, string>> = {},
): Promise<void> {
  const findings = await Promise.all(checked.map((role) => findingsOf(role, allowed)))
  const lines = [...new Set(findings.flat())]
  if (lines.length > 0) throw new OperatorError(shortened(lines).join('\n'))
}

interface Result {
  database: string
  fault?: string
}

async function checkRole({ role, url, pool }: RoleToCheck): Promise<Result> {
  const { name, setting } = roles[role]
  const client = await pool.connect().catch((error: unknown) => {
    throw connectionFault(error, url, setting)
  })
  try {
    const { rows } = await client.query<{ user: string; database: string; matches: boolean }>(
      `select current_user as user, current_database() as database, exists (
         select from pg_roles r
         where r.rolname = $1 and pg_has_role(current_user, r.oid, 'usage')) as matches`,
      [name],
    )
    const { user = '', database = '', matches = false } = rows[0] ?? {}
    const powers = await powersOf(client, user, name)
    return { database, ...faultOf(role, user, powers, matches) }
  } finally {
    client.release()
  }
}

async function powersOf(client: pg.ClientBase, user: string, expected: string): Promise<string[]> {
  const findings = await lint(client, [dangerousRoles], { roles: '(current_user)' })
  const powers = findings.map(({ subject }) => subject.slice(user.length + 2, -1))
  // For rotating passwords, a separate login role may be a member of the expected role.
  const found = [...new Set(powers)].filter((it) => it !== `member of ${expected}`)
  return found.includes('superuser') ? ['superuser'] : found
}

function faultOf(role: ServingRole, user: string, powers: string[], matches: boolean) {
  const { name, setting } = roles[role]
  const remedy = `set the DSN of ${name} that \`tenantry setup\` prints`
  if (powers.length > 0) {
    const fault = `"${user}" can bypass row-level security (${powers.join(', ')})`
    return { fault: `${setting}: ${fault}, and the server never runs as such a role: ${remedy}` }
  }
  return matches ? {} : { fault: `${setting}: "${user}" is not ${name}: ${remedy}` }
}

async function findingsOf(
  { pool }: RoleToCheck,
  allowed: Readonly<Record<string, string>>,
): Promise<string[]> {
  const roles = literalsOf(servingRoles, 'current_user')
  const findings = await lint(pool, [dangerousGrants, forcedRls], { roles, allowed })
  return [...findings, ...(await lint(pool, [dangerousRoles]))].map(findingText)
}

function shortened(lines: string[]): string[] {
  if (lines.length <= MAX_FINDINGS) return lines
  const more = lines.length - MAX_FINDINGS
  return [...lines.slice(0, MAX_FINDINGS), `and ${more} more: run tenantry doctor`]
}
