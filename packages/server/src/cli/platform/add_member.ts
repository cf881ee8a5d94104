import type { Kysely } from 'kysely'
import type { App } from '../../app/define_app.ts'
import type { KernelTables } from '../../db/tables.ts'
import { OperatorError } from '../../lib/operator_error.ts'
import { addMember } from '../../modules/members/members.ts'
import { createResetLink } from '../../modules/password_resets/reset_links.ts'
import { ensureUser, voidUnverifiedPassword } from '../../modules/users/users.ts'
import { closedTenant, findTenant } from '../../tenancy/find_tenant.ts'
import { commandRequest, type PlatformCommand, recordPlatformAction } from './platform_command.ts'

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
  const { id, created } = await ensureUser(db, { email, full_name, password_hash: null })
  const added = await addMember(db, { tenant_id, user_id: id, roles })
  // Until the address is verified, another person may have chosen the password: it must not open this tenant.
  const voided = added && !created && (await voidUnverifiedPassword(db, id))
  const about = { entity: 'members', entity_id: id }
  await recordPlatformAction(db, { action: 'members.create', tenant_id, meta: { roles }, ...about })
  return { id, email, roles, created, voided }
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
  const found = Object.entries(policy.roles).find(
    ([, { permissions }]) => policy.expand(permissions).size === policy.permissions.length,
  )
  if (found !== undefined) return found[0]
  throw new OperatorError(
    'no role of this app has all permissions: use tenantry user create --role',
  )
}

/** A link with which a member sets a password, and how long it is valid. */
export async function resetLink(
  { config, database }: Pick<PlatformCommand, 'config' | 'database'>,
  subdomain: string,
  userId: string,
): Promise<Required<Pick<NewMember, 'reset_link' | 'reset_link_minutes'>>> {
  const { PUBLIC_ORIGIN, BASE_DOMAINS = [] } = config
  if (PUBLIC_ORIGIN === undefined) {
    throw new OperatorError(
      'set PUBLIC_ORIGIN to the same value as on the server: the link contains it',
    )
  }
  const host = { kind: 'subdomain', subdomain, key: subdomain } as const
  const found = await findTenant(database, host, PUBLIC_ORIGIN)
  if (found === undefined || found.suspended) throw closedTenant(found)
  const deps = { database, config: { ...config, PUBLIC_ORIGIN, BASE_DOMAINS } }
  const reset_link = await createResetLink(deps, {
    tenant: found.tenant,
    userId,
    request: commandRequest(),
    channel: 'hand',
  })
  return { reset_link, reset_link_minutes: config.PASSWORD_RESET_EXPIRE_MINUTES }
}

/** Prints the new member. The link comes last, to be passed on. */
export function printNewMember(subdomain: string, person: NewMember): void {
  const roles = person.roles.length > 0 ? ` (${person.roles.join(', ')})` : ''
  const user = person.created ? `created ${person.email}` : `${person.email} already exists`
  console.log(`${user}: now a member of ${subdomain}${roles}`)
  if (person.voided) {
    console.log('The earlier password is void in all tenants: the address was never verified.')
  }
  if (person.reset_link !== undefined) {
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
