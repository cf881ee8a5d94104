import type { Kysely } from 'kysely'
import { ownerRoleOf } from '../../access/owners.ts'
import type { App } from '../../app/define_app.ts'
import type { KernelTables } from '../../db/tables.ts'
import { OperatorError } from '../../lib/operator_error.ts'
import { addMember } from '../../modules/members/members.ts'
import { realmOfTenant } from '../../modules/tenants/tenants.ts'
import { ensureUser, voidUnverifiedPassword } from '../../modules/users/users.ts'
import { recordPlatformAction } from './platform_command.ts'

export interface Person {
  email: string
  full_name: string
  roles: readonly string[]
}

/**
 * A new member. `created` is true if the user did not exist before, `voided` if the user's password was
 * voided because the address is not verified. Both need a link.
 */
export interface NewMember {
  id: string
  email: string
  roles: readonly string[]
  created: boolean
  voided: boolean
  /** Whether a mail with a link was sent. */
  mailed?: boolean
  reset_link?: string
  /** How long the link is valid. */
  reset_link_minutes?: number
}

/** Adds a person to a tenant. Creates the user if there is none with this address. */
export async function addPerson(
  db: Kysely<KernelTables>,
  tenant_id: string,
  { email, full_name, roles }: Person,
): Promise<NewMember> {
  const realm_id = await realmOfTenant(db, tenant_id)
  const user = { email, full_name, realm_id, password_hash: null }
  const { id, created } = await ensureUser(db, user)
  const added = await addMember(db, { tenant_id, user_id: id, roles })
  // Until the address is verified, another person may have chosen the password: it must not open this tenant.
  const stored = added && !created ? await voidUnverifiedPassword(db, id) : undefined
  const about = { entity: 'members', entity_id: id }
  await recordPlatformAction(db, { action: 'members.create', tenant_id, meta: { roles }, ...about })
  return { id, email: stored ?? email, roles, created, voided: stored !== undefined }
}

/** Throws an OperatorError if a role is neither a system role nor a role of this tenant. */
export async function assertRoles(
  db: Kysely<KernelTables>,
  app: App,
  tenantId: string,
  requested: readonly string[],
): Promise<void> {
  const custom = await db
    .selectFrom('tenantry.roles')
    .select('name')
    .where('tenant_id', '=', tenantId)
    .execute()
  const known = [...Object.keys(app.policy.roles), ...custom.map(({ name }) => name)]
  const unknown = requested.filter((it) => !known.includes(it))
  if (unknown.length === 0) return
  throw new OperatorError(`there is no role ${unknown.join(', ')}: use one of ${known.join(', ')}`)
}

/** The app's first role with all permissions. The first member of a tenant needs it. */
export function highestRole({ policy }: App): string {
  const found = ownerRoleOf(policy)
  if (found !== undefined) return found
  throw new OperatorError(
    'no role of this app has all permissions: use tenantry user create --role',
  )
}

/** Prints the new member. The link comes last, to be passed on. */
export function printNewMember(subdomain: string, person: NewMember): void {
  const roles = person.roles.length > 0 ? ` (${person.roles.join(', ')})` : ''
  const user = person.created ? `created ${person.email}` : `${person.email} already exists`
  console.log(`${user}: now a member of ${subdomain}${roles}`)
  if (person.voided) {
    console.log('The earlier password is void in all tenants: the address was never verified.')
  }
  if (person.mailed) {
    console.log(`A mail with a link to set a new one was sent to ${person.email}.`)
  } else if (person.reset_link !== undefined) {
    console.log(
      `Link to set a password, valid for ${person.reset_link_minutes} minutes:\n${person.reset_link}`,
    )
  } else {
    console.log(
      'They sign in with their existing password. For a new one: ' +
        `tenantry user reset-link --tenant ${subdomain} --email ${person.email}`,
    )
  }
}
