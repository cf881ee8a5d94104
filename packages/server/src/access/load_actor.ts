import { type Kysely, sql } from 'kysely'
import type { Actor } from '../app/context.ts'
import type { Policy } from '../app/policy.ts'
import { compiledQuery } from '../db/compiled_query.ts'
import type { KernelTables } from '../db/tables.ts'
import { sessionIsLive } from './live_session.ts'
import { internedNames, permissionsOf, roleColumns } from './permissions.ts'
import type { AccessClaims } from './tokens.ts'

/** The actor of a live session, as read by one query. */
export interface SessionSnapshot {
  actor: Actor
  /** The tenant's custom roles that the permissions come from. */
  roleIds: string[]
  /** Seconds until the session expires. */
  remainingSeconds: number
}

/**
 * The actor that the claims name, and its permissions, read by one query in the tenant's transaction.
 * Undefined where session, user or membership is not live.
 */
export async function loadSnapshot(
  db: Kysely<KernelTables>,
  policy: Policy,
  { sessionId, userId }: AccessClaims,
): Promise<SessionSnapshot | undefined> {
  const { rows } = await db.executeQuery(snapshotQuery(db, { sessionId, userId }))
  const [row] = rows
  if (row === undefined) return undefined
  const { id, email, full_name, role_ids, live_seconds, ...held } = row
  const permissions = permissionsOf(policy, held)
  // Frozen, because many requests share it. The id is the string of the claims, which the token cache
  // holds as well: one copy in memory instead of two.
  const user = Object.freeze({ id: id === userId ? userId : id, email, full_name })
  const credential = Object.freeze({ kind: 'session' as const, id: sessionId })
  const actor = Object.freeze({ user, credential, roles: internedNames(held.roles), permissions })
  return { actor, roleIds: role_ids, remainingSeconds: live_seconds }
}

/** As loadSnapshot, but only the actor. */
export async function loadActor(
  db: Kysely<KernelTables>,
  policy: Policy,
  claims: AccessClaims,
): Promise<Actor | undefined> {
  return (await loadSnapshot(db, policy, claims))?.actor
}

const roleIds = sql<string[]>`array(
  select mr.role_id from tenantry.member_roles mr
  where mr.user_id = s.user_id and mr.role_id is not null
)`.as('role_ids')

const liveSeconds = sql<number>`
  extract(epoch from least(s.idle_expires_at, s.expires_at) - now())::float8
`.as('live_seconds')

const snapshotQuery = compiledQuery(
  (db, { sessionId, userId }: { sessionId: string; userId: string }) =>
    db
      .selectFrom('tenantry.sessions as s')
      .innerJoin('tenantry.members as m', 'm.user_id', 's.user_id')
      .innerJoin('tenantry.users as u', 'u.id', 's.user_id')
      .select(['u.id', 'u.email', 'u.full_name', roleIds, liveSeconds, ...roleColumns('s.user_id')])
      .where('s.id', '=', sessionId)
      .where('s.user_id', '=', userId)
      .where(sessionIsLive),
)

/**
 * The member that a job acts for, with the permissions of now. Undefined if user or membership is not
 * active.
 */
export async function loadMember(
  db: Kysely<KernelTables>,
  policy: Policy,
  userId: string,
  jobId: string,
): Promise<Actor | undefined> {
  const { rows } = await db.executeQuery(memberQuery(db, { userId }))
  const [row] = rows
  if (row === undefined) return undefined
  const { id, email, full_name, ...held } = row
  const permissions = permissionsOf(policy, held)
  return {
    user: { id, email, full_name },
    credential: { kind: 'job', id: jobId },
    roles: internedNames(held.roles),
    permissions,
  }
}

const memberQuery = compiledQuery((db, { userId }: { userId: string }) =>
  db
    .selectFrom('tenantry.members as m')
    .innerJoin('tenantry.users as u', 'u.id', 'm.user_id')
    .select(['u.id', 'u.email', 'u.full_name', ...roleColumns('m.user_id')])
    .where('m.user_id', '=', userId)
    .where('m.is_active', '=', true)
    .where('u.is_active', '=', true),
)
