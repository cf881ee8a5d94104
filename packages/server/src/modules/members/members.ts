import { type Kysely, sql } from 'kysely'
import type { z } from 'zod'
import { assertOwnerRemains, ownsTenant } from '../../access/owners.ts'
import {
  assertCanGrant,
  type GrantRules,
  lockGrants,
  lockMemberGrants,
  roleColumns,
} from '../../access/permissions.ts'
import type { TenantContext } from '../../app/context.ts'
import type { ListQuery } from '../../app/list.ts'
import { readList } from '../../db/read_list.ts'
import type { KernelTables } from '../../db/tables.ts'
import { AppError, notFound } from '../../lib/errors.ts'
import { findRole, type NamedRole, permissionsOfRoles, requireRoles } from '../roles/roles.ts'
import { revokeSessionsOf } from '../sessions/sessions.ts'
import { type MemberChanges, MemberList, RoleMemberList } from './members.schema.ts'

type Context = TenantContext<KernelTables>

export function listMembers(ctx: Context, query: ListQuery<typeof MemberList>) {
  const { role, state } = query
  let rows = members(ctx)
  if (state !== undefined) rows = rows.where('m.is_active', '=', state === 'active')
  if (role !== undefined) rows = rows.where((it) => it('m.user_id', 'in', withRole(ctx, role)))
  return readList(ctx, MemberList, query, rows)
}

function withRole({ db }: Context, role: string) {
  return db
    .selectFrom('tenantry.member_roles as mr')
    .select('mr.user_id')
    .where('mr.role', '=', role)
}

/** The members who have one of the tenant's own roles. Throws 404 for an unknown role. */
export async function listRoleMembers(
  ctx: Context,
  roleId: string,
  query: ListQuery<typeof RoleMemberList>,
) {
  await findRole(ctx, roleId)
  const having = ctx.db
    .selectFrom('tenantry.member_roles as mr')
    .select('mr.user_id')
    .where('mr.role_id', '=', roleId)
  const rows = members(ctx).where('m.user_id', 'in', having)
  return readList(ctx, RoleMemberList, query, rows)
}

/** Throws 404. */
export async function findMember(ctx: Context, userId: string) {
  const member = await members(ctx).where('m.user_id', '=', userId).executeTakeFirst()
  if (member === undefined) throw notFound()
  return member
}

/**
 * Changes a member's roles, or activates or deactivates the membership; deactivating revokes the
 * sessions. Throws 403 for the actor's own membership, for a member with a permission that the actor
 * lacks, and for a role that grants one; throws 422 for an unknown role, 409 for the last owner.
 */
export async function updateMember(
  ctx: Context,
  rules: GrantRules,
  userId: string,
  changes: z.output<typeof MemberChanges>,
) {
  const { member, isOwner } = await lockMember(ctx, rules, userId)
  ctx.requireMatch(member)
  if (changes.roles !== undefined) await setRoles(ctx, rules, userId, changes.roles)
  if (changes.is_active !== undefined) await setActive(ctx, userId, changes.is_active)
  if (isOwner) await assertOwnerRemains(ctx.db, rules.policy)
  ctx.audit({ meta: { ...changes, before: { roles: member.roles, is_active: member.is_active } } })
  return findMember(ctx, userId)
}

/** Removes a membership with its roles and sessions. The user and its other memberships remain. */
export async function removeMember(ctx: Context, rules: GrantRules, userId: string): Promise<void> {
  const { member, isOwner } = await lockMember(ctx, rules, userId)
  await ctx.db.deleteFrom('tenantry.members').where('user_id', '=', userId).execute()
  if (isOwner) await assertOwnerRemains(ctx.db, rules.policy)
  ctx.audit({ meta: { roles: member.roles } })
}

/** Ends the actor's own membership, with its roles and sessions. Throws 409 for the last owner. */
export async function leaveTenant(ctx: Context, rules: GrantRules): Promise<void> {
  await lockGrants(ctx, rules)
  const { user, roles, permissions } = ctx.actor
  await ctx.db.deleteFrom('tenantry.members').where('user_id', '=', user.id).execute()
  if (ownsTenant(rules.policy, permissions)) await assertOwnerRemains(ctx.db, rules.policy)
  ctx.audit({ entity_id: user.id, meta: { roles } })
}

async function lockMember(ctx: Context, rules: GrantRules, userId: string) {
  const held = await lockMemberGrants(ctx, rules, userId)
  const member = await findMember(ctx, userId)
  if (member.id === ctx.actor.user.id) {
    throw new AppError('forbidden', 'member.self', 'You cannot change your own membership')
  }
  return { member, isOwner: ownsTenant(rules.policy, held) }
}

async function setRoles(
  ctx: Context,
  rules: GrantRules,
  user_id: string,
  names: readonly string[],
) {
  const roles = await requireRoles(ctx.db, rules.policy, names)
  assertCanGrant(ctx, rules, permissionsOfRoles(rules.policy, roles))
  await ctx.db.deleteFrom('tenantry.member_roles').where('user_id', '=', user_id).execute()
  if (roles.length === 0) return
  await ctx.db
    .insertInto('tenantry.member_roles')
    .values(roles.map(({ role, role_id }) => ({ user_id, role, role_id })))
    .execute()
}

async function setActive(ctx: Context, userId: string, is_active: boolean): Promise<void> {
  await ctx.db
    .updateTable('tenantry.members')
    .set({ is_active, updated_at: sql`now()` })
    .where('user_id', '=', userId)
    .execute()
  if (!is_active) await revokeSessionsOf(ctx.db, userId, 'member_disabled')
}

function members({ db }: Context) {
  return db
    .selectFrom('tenantry.members as m')
    .innerJoin('tenantry.users as u', 'u.id', 'm.user_id')
    .select(['u.id', 'u.email', 'u.full_name', 'm.is_active', 'm.created_at'])
    .select(rolesOfMember)
}

const [rolesOfMember] = roleColumns('m.user_id')

export interface NewMember {
  tenant_id: string
  user_id: string
  roles: readonly string[]
}

/**
 * Makes a user a member; a second call adds roles. Returns whether the user was no member before. Runs in
 * `acrossTenants` only.
 */
export async function addMember(db: Kysely<KernelTables>, member: NewMember): Promise<boolean> {
  const { tenant_id, user_id, roles } = member
  const { numInsertedOrUpdatedRows: added = 0n } = await db
    .insertInto('tenantry.members')
    .values({ tenant_id, user_id })
    .onConflict((it) => it.doNothing())
    .executeTakeFirst()
  if (roles.length > 0) await addRoles(db, member)
  return added > 0n
}

/**
 * Makes the person who accepts an invitation, or signs up, a member with these roles, in one statement. Through
 * `asIdentity`.
 */
export async function addInvitedMember(
  db: Kysely<KernelTables>,
  user_id: string,
  roles: readonly Pick<NamedRole, 'role' | 'role_id'>[],
): Promise<void> {
  const member = db.insertInto('tenantry.members').values({ user_id })
  if (roles.length === 0) {
    await member.execute()
    return
  }
  await db
    .with('member', () => member)
    .insertInto('tenantry.member_roles')
    .values(roles.map(({ role, role_id }) => ({ user_id, role, role_id })))
    .execute()
}

async function addRoles(
  db: Kysely<KernelTables>,
  { tenant_id, user_id, roles }: NewMember,
): Promise<void> {
  await db
    .insertInto('tenantry.member_roles')
    .values(
      roles.map((role) => ({ tenant_id, user_id, role, role_id: customRoleId(tenant_id, role) })),
    )
    .onConflict((it) => it.doNothing())
    .execute()
}

// NULL for a system role: only custom roles have a row.
function customRoleId(tenantId: string, name: string) {
  return sql<string | null>`(
    select id from tenantry.roles where tenant_id = ${tenantId} and name = ${name}
  )`
}
