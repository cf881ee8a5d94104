import { type Kysely, sql } from 'kysely'
import type { Policy } from '../app/policy.ts'
import type { KernelTables } from '../db/tables.ts'
import { conflict } from '../lib/errors.ts'
import { lockTenantGrants } from './permissions.ts'

/** The first system role with all permissions, which the first member of a tenant needs. */
export function ownerRoleOf(policy: Policy): string | undefined {
  const roles = Object.entries(policy.roles)
  const all = policy.permissions.length
  return roles.find(([, { permissions }]) => policy.expand(permissions).size === all)?.[0]
}

/** Do these permissions make an owner: a member who can do everything in the tenant? */
export function ownsTenant({ permissions }: Policy, held: ReadonlySet<string>): boolean {
  return permissions.every((it) => held.has(it))
}

/**
 * Checks that the tenant still has an owner who can sign in: without one it could only be saved by a
 * platform admin. Called after the change and under the lock of lockGrants, which serializes all changes
 * that could take a permission away. Throws 409.
 */
export async function assertOwnerRemains(db: Kysely<KernelTables>, policy: Policy): Promise<void> {
  if (await hasOwner(db, policy)) return
  const detail = 'The tenant would have no member left with all permissions'
  throw conflict('member.last_owner', detail)
}

/** Does the tenant have an active member, with an active user, whose roles add up to all permissions? */
export async function hasOwner(db: Kysely<KernelTables>, policy: Policy): Promise<boolean> {
  const { rows } = await sql<{ found: boolean }>`
    select tenantry.has_owner(${ownership(policy)}) as found`.execute(db)
  return rows[0]?.found === true
}

/**
 * The user ids of a tenant's owners, `limit` at most, among its first thousand members: those who get a notice
 * about the whole tenant.
 */
export async function ownersOf(
  db: Kysely<KernelTables>,
  policy: Policy,
  limit: number,
): Promise<string[]> {
  const { rows } = await sql<{ user_id: string }>`
    select user_id from (
      select user_id from tenantry.members where is_active order by created_at, user_id limit 1000
    ) first_members
    where tenantry.has_owner(${ownership(policy)}, one => user_id) limit ${limit}`.execute(db)
  return rows.map((it) => it.user_id)
}

/**
 * Locks a user who is to be disabled or deleted, and each tenant of that user for changes of permissions, and
 * checks that all of them keep an owner: of two last owners who are disabled at the same time, one stays. Called
 * before that, in its transaction, in the platform's scope or as the person. Returns the tenants. Throws 409.
 */
export async function assertOwnersRemainWithout(
  db: Kysely<KernelTables>,
  policy: Policy,
  userId: string,
): Promise<string[]> {
  // First: from now on a new membership of the user has to wait, so that the list below is complete.
  await db.selectFrom('tenantry.users').select('id').where('id', '=', userId).forUpdate().execute()
  const tenants = await tenantIdsOf(db, userId)
  // One order for all, so that two users of the same tenants cannot deadlock.
  for (const it of tenants) await lockTenantGrants(db, it)
  const owned = await tenantsOwnedAlone(db, policy, userId, tenants)
  if (owned.length === 0) return tenants
  const names = owned.join(', ')
  throw conflict('member.last_owner', `${names} would have no member left with all permissions`)
}

/** The subdomains of those of `tenants` whose only owner is the user, in the platform's scope or as the person. */
export async function tenantsOwnedAlone(
  db: Kysely<KernelTables>,
  policy: Policy,
  userId: string,
  tenants: readonly string[],
): Promise<string[]> {
  const { rows } = await sql<{ subdomains: string[] }>`
    select tenantry.tenants_owned_alone(${userId}, ${[...tenants]}::uuid[], ${ownership(policy)})
      as subdomains`.execute(db)
  return rows[0]?.subdomains ?? []
}

/** The tenants that a user is a member of, in the platform's scope or as the person. */
export async function tenantIdsOf(db: Kysely<KernelTables>, userId: string): Promise<string[]> {
  const { rows } = await sql<{ ids: string[] }>`
    select tenantry.tenants_of_person(${userId}) as ids`.execute(db)
  return rows[0]?.ids ?? []
}

// The permissions of system roles are in the app, where the database cannot read them.
function ownership({ roles, expand, permissions }: Policy) {
  const granted = Object.entries(roles).flatMap(([role, it]) =>
    [...expand(it.permissions)].map((permission) => ({ role, permission })),
  )
  return sql`${granted.map((it) => it.role)}::text[], ${granted.map((it) => it.permission)}::text[],
    ${[...permissions]}::text[]`
}
