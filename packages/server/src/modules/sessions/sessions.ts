import { type Kysely, sql } from 'kysely'
import { sessionIsLive } from '../../access/live_session.ts'
import { roleColumns } from '../../access/permissions.ts'
import type { KernelTables } from '../../db/tables.ts'

// Lock order: member, session, refresh token, as ON DELETE CASCADE takes them. Locking a token first
// can deadlock with the removal of its member.

/** How many used refresh tokens of a session are kept, to answer a retry of the client with the successor. */
const USED_TOKENS_KEPT = 4

/** Why a session was revoked; stored in its row. A trigger adds `domain_detached`. */
export type RevocationReason = 'signed_out' | 'refresh_reuse' | 'revoked' | 'member_disabled'

/**
 * Revokes a session with its access tokens, and those that were handed over from it to a custom domain. Returns false if
 * it does not exist or was revoked before.
 */
export async function revokeSession(
  db: Kysely<KernelTables>,
  sessionId: string,
  reason: RevocationReason,
  userId?: string,
): Promise<boolean> {
  const revoke = db
    .updateTable('tenantry.sessions')
    .set({ revoked_at: sql<string>`now()`, revoked_reason: reason })
    .where('revoked_at', 'is', null)
  let update = revoke.where('id', '=', sessionId)
  if (userId !== undefined) update = update.where('user_id', '=', userId)
  const revoked = await update.returning('kind').executeTakeFirst()
  if (revoked === undefined) return false
  // Apart: the first statement may have waited for a hand-over, and does not see the session that it has opened.
  if (revoked.kind === 'cookie') await revoke.where('source_id', '=', sessionId).execute()
  return true
}

/**
 * The session of the subdomain from which one of a custom domain was handed over. Of any other, itself; also of one that
 * was revoked, whose cookie ends nothing.
 */
export async function sourceOf(db: Kysely<KernelTables>, sessionId: string): Promise<string> {
  const row = await db
    .selectFrom('tenantry.sessions')
    .select('source_id')
    .where('id', '=', sessionId)
    .where('revoked_at', 'is', null)
    .executeTakeFirst()
  return row?.source_id ?? sessionId
}

/**
 * Revokes all sessions of a member in this tenant, but not `except`, nor the one that it was handed over from: they end
 * together. Returns how many it revoked.
 */
export async function revokeSessionsOf(
  db: Kysely<KernelTables>,
  userId: string,
  reason: RevocationReason,
  { except }: { except?: string | undefined } = {},
): Promise<number> {
  await lockMember(db, userId)
  let update = db
    .updateTable('tenantry.sessions')
    .set({ revoked_at: sql<string>`now()`, revoked_reason: reason })
    .where('user_id', '=', userId)
    .where('revoked_at', 'is', null)
  if (except !== undefined) {
    const source = db
      .selectFrom('tenantry.sessions as own')
      .select(sql<string>`own.source_id`.as('id'))
      .where('own.id', '=', except)
      .where('own.source_id', 'is not', null)
    update = update.where('id', '!=', except).where('id', 'not in', source)
  }
  const { numUpdatedRows } = await update.executeTakeFirst()
  return Number(numUpdatedRows)
}

// Before locking several sessions of a member, lock the member: otherwise two transactions could lock
// the sessions in different orders and deadlock.
async function lockMember(db: Kysely<KernelTables>, userId: string): Promise<void> {
  await db
    .selectFrom('tenantry.members')
    .select('user_id')
    .where('user_id', '=', userId)
    .forNoKeyUpdate()
    .execute()
}

/** The stored hashes of a refresh token and of its successor. */
export interface TokenHashes {
  parent: Buffer
  next: Buffer
}

/** The successor of a refresh token, read from its row: the same for every retry. */
export interface Successor {
  session_id: string
  user_id: string
  roles: string[]
  created_at: string
  expires_at: string
}

/**
 * Marks a refresh token as used and stores its successor. Returns undefined if the token is used,
 * expired or unknown. One statement, so one winner: a concurrent call waits for the lock on the session
 * and then finds the token used.
 */
export async function rotateToken(
  db: Kysely<KernelTables>,
  { parent, next }: TokenHashes,
  lifeDays: number,
): Promise<Successor | undefined> {
  const { rows } = await sql<Successor>`
    with live as (
      select s.id as session_id, s.user_id, ${rolesOf}, least(
        date_trunc('second', now()) + make_interval(days => ${lifeDays}), s.expires_at) as expires_at
      from tenantry.refresh_tokens t
      join tenantry.sessions s on s.id = t.session_id
      join tenantry.members m on m.user_id = s.user_id
      join tenantry.users u on u.id = s.user_id
      where t.hash = ${parent} and ${sessionIsLive}
      for no key update of s
    ), used as (
      update tenantry.refresh_tokens r set used_at = now() from live
      where r.hash = ${parent} and r.used_at is null and now() < r.expires_at
        and r.session_id = live.session_id
      returning live.*
    ), touched as (
      update tenantry.sessions s set last_seen_at = now(), idle_expires_at = used.expires_at
      from used where s.id = used.session_id
    ), next as (
      insert into tenantry.refresh_tokens (hash, session_id, expires_at)
      select ${next}, session_id, expires_at from used
      returning created_at, expires_at
    ), ${pruned}
    select used.session_id, used.user_id, used.roles, next.created_at, next.expires_at
    from used, next`.execute(db)
  return rows[0]
}

// A chain of refreshes must not grow without bound. The statement does not see its own update: the token
// just used is kept in addition to these.
const pruned = sql`pruned as (
  delete from tenantry.refresh_tokens where hash in (
    select r.hash from tenantry.refresh_tokens r join used on used.session_id = r.session_id
    where r.used_at is not null
    order by r.used_at desc offset ${sql.lit(USED_TOKENS_KEPT)}
  )
)`

/**
 * A used token of a live session, with its successor; undefined for any other token. A token without a row
 * was used long ago: a session's tokens are all stored, and only used ones are pruned. `retry` is true
 * if the token was used within the grace period and its successor was not: the client lost the reply.
 */
export async function findUsedToken(
  db: Kysely<KernelTables>,
  sessionId: string,
  { parent, next }: TokenHashes,
  graceSeconds: number,
): Promise<(Successor & { retry: boolean }) | undefined> {
  const { rows } = await sql<Successor & { retry: boolean }>`
    select s.id as session_id, s.user_id, ${rolesOf}, n.created_at, n.expires_at,
      coalesce(n.hash is not null and n.used_at is null and now() < r.used_at + make_interval(secs => ${graceSeconds}),
        false) as retry
    from tenantry.sessions s
    join tenantry.members m on m.user_id = s.user_id
    join tenantry.users u on u.id = s.user_id
    left join tenantry.refresh_tokens r on r.hash = ${parent}
    left join tenantry.refresh_tokens n on n.hash = ${next}
    where s.id = ${sessionId} and (r.hash is null or r.used_at is not null) and ${sessionIsLive}`.execute(
    db,
  )
  return rows[0]
}

/** A session, live or not. */
export function findSession(db: Kysely<KernelTables>, sessionId: string) {
  return db
    .selectFrom('tenantry.sessions')
    .select(['id', 'user_id'])
    .where('id', '=', sessionId)
    .executeTakeFirst()
}

const [rolesOf] = roleColumns('s.user_id')
