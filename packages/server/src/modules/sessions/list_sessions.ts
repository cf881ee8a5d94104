import { sql } from 'kysely'
import { sessionIsLive } from '../../access/live_session.ts'
import { type GrantRules, lockMemberGrants } from '../../access/permissions.ts'
import type { TenantContext } from '../../app/context.ts'
import type { ListQuery } from '../../app/list.ts'
import { sessionIdOf } from '../../app/session_id_of.ts'
import { readList } from '../../db/read_list.ts'
import type { KernelTables } from '../../db/tables.ts'
import { notFound } from '../../lib/errors.ts'
import { clientName } from './client_name.ts'
import { SessionList } from './sessions.schema.ts'
import { revokeSession, revokeSessionsOf } from './sessions.ts'

type Context = TenantContext<KernelTables>

/** A member's live sessions, newest first. */
export async function listSessions(
  ctx: Context,
  userId: string,
  query: ListQuery<typeof SessionList>,
) {
  const rows = ctx.db
    .selectFrom('tenantry.sessions as s')
    .innerJoin('tenantry.members as m', 'm.user_id', 's.user_id')
    .innerJoin('tenantry.users as u', 'u.id', 's.user_id')
    .select([
      's.id',
      's.user_agent',
      's.address',
      's.created_at',
      's.last_seen_at',
      's.expires_at',
      's.method',
    ])
    .select(
      sql<string | null>`(
        select d.name from tenantry.domains d where d.name = tenantry.host_of(s.origin)
      )`.as('domain'),
    )
    // No session is the current one for an actor without a session.
    .select(
      sql<boolean>`s.id is not distinct from ${sessionIdOf(ctx.actor) ?? null}::uuid`.as(
        'is_current',
      ),
    )
    .where('s.user_id', '=', userId)
    .where(sessionIsLive)
  const page = await readList(ctx, SessionList, query, rows)
  return { ...page, items: page.items.map((it) => ({ ...it, client: clientName(it.user_agent) })) }
}

/** Revokes all sessions of the actor in this tenant, except the one of the request. */
export async function revokeOtherSessions(ctx: Context): Promise<void> {
  const except = sessionIdOf(ctx.actor)
  const own = ctx.actor.user.id
  const revoked = await revokeSessionsOf(ctx.db, own, 'revoked', { except })
  ctx.audit({ meta: { revoked } })
}

/** Revokes one of the actor's own sessions. Throws 404 for any other. */
export async function revokeOwnSession(ctx: Context, sessionId: string): Promise<void> {
  if (!(await revokeSession(ctx.db, sessionId, 'revoked', ctx.actor.user.id))) throw notFound()
}

/**
 * Revokes all sessions of a member of this tenant, who may be the actor. Throws 404 if there is no such
 * member, 403 if the member has a permission that the actor lacks.
 */
export async function revokeMemberSessions(
  ctx: Context,
  rules: GrantRules,
  userId: string,
): Promise<void> {
  await lockMemberGrants(ctx, rules, userId)
  const revoked = await revokeSessionsOf(ctx.db, userId, 'revoked')
  ctx.audit({ meta: { revoked } })
}

/** Throws 404 if there is no such member. */
export async function listSessionsOf(
  ctx: Context,
  userId: string,
  query: ListQuery<typeof SessionList>,
) {
  await requireMember(ctx, userId)
  return listSessions(ctx, userId, query)
}

async function requireMember({ db }: Context, userId: string): Promise<void> {
  const member = await db
    .selectFrom('tenantry.members')
    .select('user_id')
    .where('user_id', '=', userId)
    .executeTakeFirst()
  if (member === undefined) throw notFound()
}
