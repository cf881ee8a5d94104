import type { Kysely } from 'kysely'
import type { App } from '../../app/define_app.ts'
import type { KernelTables } from '../../db/tables.ts'
import { OperatorError } from '../../lib/operator_error.ts'
import { addMember } from '../../modules/members/members.ts'
import { createResetLink } from '../../modules/password_resets/reset_links.ts'
import { ensureUser } from '../../modules/users/users.ts'
import { closedTenant, findTenant } from '../../tenancy/find_tenant.ts'
import { type Operation, operatorRequest, recordOperation } from './platform_command.ts'

export interface Person {
  email: string
  full_name: string
  roles: readonly string[]
}

/** A person who was made a member. `created` says that nobody knew them before. */
export interface Enrolled {
  id: string
  email: string
  roles: readonly string[]
  created: boolean
  reset_link?: string
}

/** Makes a person a member of a tenant, and a user first where they are none. */
export async function enrol(
  db: Kysely<KernelTables>,
  tenant_id: string,
  { email, full_name, roles }: Person,
): Promise<Enrolled> {
  const { id, created } = await ensureUser(db, { email, full_name, password_hash: null })
  await addMember(db, { tenant_id, user_id: id, roles })
  const about = { entity: 'members', entity_id: id }
  await recordOperation(db, { action: 'members.create', tenant_id, meta: { roles }, ...about })
  return { id, email, roles, created }
}

/** Throws an OperatorError where a role is neither one of the app's nor one of this tenant's. */
export async function assertRoles(
  db: Kysely<KernelTables>,
  app: App,
  tenantId: string,
  wanted: readonly string[],
): Promise<void> {
  const custom = await db
    .selectFrom('tenantry.roles')
    .select('name')
    .where('tenant_id', '=', tenantId)
    .execute()
  const known = [...Object.keys(app.policy.roles), ...custom.map(({ name }) => name)]
  const unknown = wanted.filter((it) => !known.includes(it))
  if (unknown.length === 0) return
  throw new OperatorError(`no role is named ${unknown.join(', ')}: use one of ${known.join(', ')}`)
}

/** The app's first role that may do everything: whoever starts a tenant needs it. */
export function highestRole({ policy }: App): string {
  const found = Object.entries(policy.roles).find(
    ([, { permissions }]) => policy.expand(permissions).size === policy.permissions.length,
  )
  if (found !== undefined) return found[0]
  throw new OperatorError('no role of this app may do everything: use tenantry user create --role')
}

/** A link by which this person chooses a password. */
export async function resetLink(
  { config, database }: Pick<Operation, 'config' | 'database'>,
  subdomain: string,
  userId: string,
): Promise<string> {
  const { PUBLIC_ORIGIN, BASE_DOMAINS = [] } = config
  if (PUBLIC_ORIGIN === undefined) {
    throw new OperatorError('PUBLIC_ORIGIN is needed to write a link: set it as the server has it')
  }
  const host = { kind: 'subdomain', subdomain, key: subdomain } as const
  const found = await findTenant(database, host, PUBLIC_ORIGIN)
  if (found === undefined || found.suspended) throw closedTenant(found)
  const deps = { database, config: { ...config, PUBLIC_ORIGIN, BASE_DOMAINS } }
  return createResetLink(deps, found.tenant, userId, operatorRequest())
}

/** Says who was made a member; the link comes last, to be passed on. */
export function printEnrolled(subdomain: string, person: Enrolled): void {
  const roles = person.roles.length > 0 ? ` (${person.roles.join(', ')})` : ''
  const what = person.created ? 'created' : 'there was already'
  console.log(`${what} ${person.email}: now a member of ${subdomain}${roles}`)
  if (person.reset_link !== undefined) {
    console.log(`To choose a password:\n${person.reset_link}`)
  } else {
    console.log(
      'They sign in with the password they have; for a new one: ' +
        `tenantry user reset-link --tenant ${subdomain} --email ${person.email}`,
    )
  }
}
