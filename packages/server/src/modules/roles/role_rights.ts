import { type Kysely, sql } from 'kysely'
import type { TenantContext } from '../../context.ts'
import { rolesOf } from '../../db/live_session.ts'
import type { KernelTables } from '../../db/tables.ts'
import { AppError } from '../../errors.ts'
import type { Policy } from '../../policy.ts'

type Context = TenantContext<KernelTables>

/**
 * Takes the tenant's lock for changes of rights, until the transaction ends, and checks that the
 * actor's own have not changed meanwhile: of two administrators who demote each other at once, the
 * second finds that it is none. Throws 403.
 */
export async function lockRights(ctx: Context, policy: Policy): Promise<void> {
  const { db, actor, tenant } = ctx
  await sql`select pg_advisory_xact_lock(hashtextextended(${`rights ${tenant.id}`}, 0))`.execute(db)
  const rights = await rightsOf(db, policy, actor.user.id)
  const lost = [...actor.permissions].filter((it) => !rights?.has(it))
  if (lost.length > 0) throw new AppError('forbidden', 'access.changed', 'Your rights have changed')
}

/** What a member may do; undefined where there is no such active member. */
export async function rightsOf(
  db: Kysely<KernelTables>,
  policy: Policy,
  userId: string,
): Promise<Set<string> | undefined> {
  const member = await db
    .selectFrom('tenantry.members as m')
    .select(rolesOf('m.user_id').as('roles'))
    .where('m.user_id', '=', userId)
    .where('m.is_active', '=', true)
    .executeTakeFirst()
  return member && permissionsOf(db, policy, member.roles)
}

/** What these roles allow, system roles by code and custom roles by row. Throws 422 for unknown ones. */
export async function permissionsOf(
  db: Kysely<KernelTables>,
  policy: Policy,
  names: readonly string[],
): Promise<Set<string>> {
  const system = names.flatMap((name) => policy.roles[name]?.permissions ?? [])
  const custom = names.filter((name) => !(name in policy.roles))
  if (custom.length === 0) return policy.expand(system)
  const rows = await db
    .selectFrom('tenantry.role_permissions as rp')
    .innerJoin('tenantry.roles as r', 'r.id', 'rp.role_id')
    .select('rp.permission')
    .where('r.name', 'in', custom)
    .execute()
  return policy.expand([...system, ...rows.map((it) => it.permission)])
}

/** Nobody gives, takes or changes what they do not hold themselves. Throws 403 naming one of it. */
export function assertHolds(ctx: Context, permissions: Iterable<string>): void {
  for (const permission of permissions) {
    if (!ctx.actor.permissions.has(permission)) {
      const words = `You do not hold "${permission}" yourself`
      throw new AppError('forbidden', 'access.not_held', words)
    }
  }
}
