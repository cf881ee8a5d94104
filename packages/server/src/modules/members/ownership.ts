import { sql } from 'kysely'
import { assertOwnerRemains } from '../../access/owners.ts'
import { assertCanGrant, type GrantRules, lockGrants } from '../../access/permissions.ts'
import type { TenantContext } from '../../app/context.ts'
import type { KernelTables } from '../../db/tables.ts'
import { unprocessable } from '../../lib/errors.ts'

type Context = TenantContext<KernelTables>

/**
 * Gives the roles of the actor, who must be an owner, to another active member, in addition to the roles
 * that this member has. The actor keeps the membership, without roles. Throws 403 for an actor who is no
 * owner, 422 for a member who could not sign in.
 */
export async function transferOwnership(
  ctx: Context,
  rules: GrantRules,
  userId: string,
): Promise<void> {
  await lockGrants(ctx, rules)
  assertCanGrant(ctx, rules, rules.policy.permissions)
  await assertCanReceive(ctx, userId)
  const from = ctx.actor.user.id
  await sql`
    insert into tenantry.member_roles (user_id, role, role_id)
    select ${userId}, role, role_id from tenantry.member_roles where user_id = ${from}
    on conflict do nothing`.execute(ctx.db)
  await ctx.db.deleteFrom('tenantry.member_roles').where('user_id', '=', from).execute()
  await assertOwnerRemains(ctx.db, rules.policy)
  ctx.audit({ entity_id: userId, meta: { from, roles: ctx.actor.roles } })
}

async function assertCanReceive({ db, actor }: Context, userId: string): Promise<void> {
  const member = await db
    .selectFrom('tenantry.members as m')
    .innerJoin('tenantry.users as u', 'u.id', 'm.user_id')
    .select('m.user_id')
    .where('m.user_id', '=', userId)
    .where('m.user_id', '!=', actor.user.id)
    .where('m.is_active', '=', true)
    .where('u.is_active', '=', true)
    .executeTakeFirst()
  if (member !== undefined) return
  throw unprocessable([{ pointer: '/user_id', message: 'is not another active member' }])
}
