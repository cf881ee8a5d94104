import { sql } from 'kysely'
import type { z } from 'zod'
import type { TenantContext } from '../../context.ts'
import { rolesOf } from '../../db/live_session.ts'
import { type PageQuery, readPage } from '../../db/page.ts'
import type { KernelTables } from '../../db/tables.ts'
import { AppError, notFound, unprocessable } from '../../errors.ts'
import type { Policy } from '../../policy.ts'
import { assertHolds, lockRights, permissionsOf } from '../roles/role_rights.ts'
import { revokeSessionsOf } from '../sessions/revoke_sessions.ts'
import type { MemberChanges } from './members.schema.ts'

type Context = TenantContext<KernelTables>

export function listMembers(ctx: Context, query: z.output<typeof PageQuery>) {
  return readPage(ctx.cursors, query, members(ctx), 'm.user_id')
}

/** Throws 404. */
export async function findMember(ctx: Context, userId: string) {
  const member = await members(ctx).where('m.user_id', '=', userId).executeTakeFirst()
  if (member === undefined) throw notFound()
  return member
}

/**
 * Changes a member's roles or switches the membership on or off; off ends the sessions. Nobody
 * changes themselves, somebody who may do more, or gives what they do not hold. Throws 403, 422.
 */
export async function updateMember(
  ctx: Context,
  policy: Policy,
  userId: string,
  changes: z.output<typeof MemberChanges>,
) {
  const member = await lockMember(ctx, policy, userId)
  ctx.requireMatch(member)
  if (changes.roles !== undefined) await setRoles(ctx, policy, userId, changes.roles)
  if (changes.is_active !== undefined) await setActive(ctx, userId, changes.is_active)
  ctx.audit({ meta: { ...changes, before: { roles: member.roles, is_active: member.is_active } } })
  return findMember(ctx, userId)
}

/** Ends a membership with everything that hangs on it. The person stays, in other tenants too. */
export async function removeMember(ctx: Context, policy: Policy, userId: string): Promise<void> {
  const member = await lockMember(ctx, policy, userId)
  await ctx.db.deleteFrom('tenantry.members').where('user_id', '=', userId).execute()
  ctx.audit({ meta: { roles: member.roles } })
}

async function lockMember(ctx: Context, policy: Policy, userId: string) {
  await lockRights(ctx, policy)
  const member = await findMember(ctx, userId)
  if (userId === ctx.actor.user.id) {
    throw new AppError('forbidden', 'member.self', 'Somebody else has to change your membership')
  }
  assertHolds(ctx, await permissionsOf(ctx.db, policy, member.roles))
  return member
}

async function setRoles(ctx: Context, policy: Policy, user_id: string, names: readonly string[]) {
  const roles = [...new Set(names)]
  await assertRolesExist(ctx, policy, roles)
  assertHolds(ctx, await permissionsOf(ctx.db, policy, roles))
  await ctx.db.deleteFrom('tenantry.member_roles').where('user_id', '=', user_id).execute()
  if (roles.length === 0) return
  await ctx.db
    .insertInto('tenantry.member_roles')
    .values(roles.map((role) => ({ user_id, role })))
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

async function assertRolesExist({ db }: Context, policy: Policy, names: readonly string[]) {
  const rows = await db.selectFrom('tenantry.roles').select('name').execute()
  const known = new Set([...Object.keys(policy.roles), ...rows.map((it) => it.name)])
  const faults = names.flatMap((name, at) =>
    known.has(name) ? [] : [{ pointer: `/roles/${at}`, message: `there is no role "${name}"` }],
  )
  if (faults.length > 0) throw unprocessable(faults)
}

function members({ db }: Context) {
  return db
    .selectFrom('tenantry.members as m')
    .innerJoin('tenantry.users as u', 'u.id', 'm.user_id')
    .select(['u.id', 'u.email', 'u.full_name', 'm.is_active', 'm.created_at'])
    .select(rolesOf('m.user_id').as('roles'))
}
