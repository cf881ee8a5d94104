import type pg from 'pg'
import { OperatorError } from '../../lib/operator_error.ts'
import { connectionFault } from '../provisioning/probe.ts'
import { type Role, roles } from '../provisioning/roles.ts'
import { findingText, lint } from './lint.ts'
import { dangerousGrants, dangerousRoles, forcedRls, servingRoles } from './rules.ts'

/** One door, and the setting its DSN came from. */
export interface RoleToCheck {
  role: Exclude<Role, 'owner'>
  setting: string
  url: string
  pool: pg.Pool
}

const MAX_FINDINGS = 5

/**
 * Refuses doors that row-level security would not bind: a role that is above it, or is another
 * door's. Needs no schema. Throws an OperatorError with a line for each.
 */
export async function assertServingRoles(database: readonly RoleToCheck[]): Promise<void> {
  const looks: Look[] = []
  // One after the other: where the server cannot be reached, once is enough to say so.
  for (const door of database) looks.push(await lookThrough(door))
  const faults = looks.map(({ fault }) => fault).filter((it) => it !== undefined)
  if (faults.length > 0) throw new OperatorError(faults.join('\n'))
  const databases = new Set(looks.map(({ database }) => database))
  if (databases.size > 1) {
    const settings = database.map(({ setting }) => setting).join(' and ')
    throw new OperatorError(
      `${settings} lead to different databases (${[...databases].join(', ')})`,
    )
  }
}

/**
 * Refuses a schema that would not hold: a table the doors can touch without forced row-level
 * security that is on no list (`allowed` is the app's), or one they have power over. Throws an
 * OperatorError with a line for each.
 */
export async function assertTablesProtected(
  database: readonly RoleToCheck[],
  allowed: Readonly<Record<string, string>> = {},
): Promise<void> {
  const findings = await Promise.all(database.map((door) => findingsOf(door, allowed)))
  const lines = [...new Set(findings.flat())]
  if (lines.length > 0) throw new OperatorError(shortened(lines).join('\n'))
}

interface Look {
  database: string
  fault?: string
}

async function lookThrough(door: RoleToCheck): Promise<Look> {
  const expected = roles[door.role]
  const client = await door.pool.connect().catch((error: unknown) => {
    throw connectionFault(error, door.url, door.setting)
  })
  try {
    const { rows } = await client.query<{ role: string; database: string; speaks: boolean }>(
      `select current_user as role, current_database() as database, exists (
         select from pg_roles r
         where r.rolname = $1 and pg_has_role(current_user, r.oid, 'usage')) as speaks`,
      [expected],
    )
    const { role = '', database = '', speaks = false } = rows[0] ?? {}
    const powers = await powersOf(client, role, expected)
    return { database, ...faultOf(door, role, powers, speaks) }
  } finally {
    client.release()
  }
}

async function powersOf(client: pg.ClientBase, role: string, expected: string): Promise<string[]> {
  const findings = await lint(client, [dangerousRoles], { database: '(current_user)' })
  const powers = findings.map(({ subject }) => subject.slice(role.length + 2, -1))
  // A login role of one's own choosing, for rotating passwords, is a member of the door's role.
  const found = [...new Set(powers)].filter((it) => it !== `member of ${expected}`)
  return found.includes('superuser') ? ['superuser'] : found
}

function faultOf(
  { setting, role: door }: RoleToCheck,
  role: string,
  powers: string[],
  ok: boolean,
) {
  const remedy = `give the DSN of ${roles[door]} that \`tenantry setup\` prints`
  if (powers.length > 0) {
    const what = `"${role}" is above row-level security (${powers.join(', ')})`
    return { fault: `${setting}: ${what}, and the server never serves as such a role: ${remedy}` }
  }
  return ok ? {} : { fault: `${setting}: "${role}" is not ${roles[door]}: ${remedy}` }
}

async function findingsOf(
  { pool }: RoleToCheck,
  allowed: Readonly<Record<string, string>>,
): Promise<string[]> {
  const database = servingRoles.replace(')', ', current_user)')
  const findings = await lint(pool, [dangerousGrants, forcedRls], { database, allowed })
  return [...findings, ...(await lint(pool, [dangerousRoles]))].map(findingText)
}

function shortened(lines: string[]): string[] {
  if (lines.length <= MAX_FINDINGS) return lines
  const more = lines.length - MAX_FINDINGS
  return [...lines.slice(0, MAX_FINDINGS), `and ${more} more: run tenantry doctor`]
}
