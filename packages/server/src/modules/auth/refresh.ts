import { type Kysely, sql } from 'kysely'
import type { PublicContext } from '../../context.ts'
import { sessionIsLive } from '../../db/live_session.ts'
import type { KernelTables } from '../../db/tables.ts'
import { AppError } from '../../errors.ts'
import { recordAudit } from '../../http/audit.ts'
import { challenge, unauthenticated } from '../../http/authenticate.ts'
import { heldRoles } from '../../rights.ts'
import { hashSecret } from '../../secrets.ts'
import type { RefreshClaims } from '../../tokens.ts'
import { revokeSession } from '../sessions/sessions.ts'
import type { AuthDeps } from './auth_deps.ts'

/** The successor of a refresh token, from its row: the same for every retry. */
interface Successor {
  session_id: string
  user_id: string
  roles: string[]
  created_at: string
  expires_at: string
}

/**
 * Exchanges a refresh token for its successor. A retry of the token just used gets the same
 * successor, byte for byte; any other used token ends the session (RFC 9700, 4.14). Throws 401.
 */
export async function refresh(deps: AuthDeps, ctx: PublicContext, token: string) {
  const claims = await verifyRefresh(deps, ctx, token)
  const jti = deps.tokens.successorOf(claims)
  const hashes = { parent: hashSecret(claims.jti), next: hashSecret(jti) }
  const successor = await deps.doors.inTenant(
    ctx.tenant.id,
    async (db) => (await rotate(deps, db, hashes)) ?? (await repeat(deps, ctx, db, hashes)),
  )
  if (successor === undefined) throw expired()
  return { jti, ...successor }
}

/** Ends the session of a refresh token, access tokens included. Throws 401 for what is no token. */
export async function logOut(deps: AuthDeps, ctx: PublicContext, token: string): Promise<void> {
  const claims = await verifyRefresh(deps, ctx, token)
  const known = await deps.doors.inTenant(ctx.tenant.id, async (db) => {
    const row = await db
      .selectFrom('tenantry.refresh_tokens as r')
      .innerJoin('tenantry.sessions as s', 's.id', 'r.session_id')
      .select(['s.id', 's.user_id'])
      .where('r.hash', '=', hashSecret(claims.jti))
      .executeTakeFirst()
    if (row === undefined) return false
    if (await revokeSession(db, row.id, 'logout')) {
      await auditSession(db, ctx, 'auth.signed_out', row.id, row.user_id)
    }
    return true
  })
  if (!known) throw invalidToken()
}

const [rolesOf] = heldRoles('s.user_id')

interface Hashes {
  parent: Buffer
  next: Buffer
}

// One statement, so one winner: whoever comes second waits for the row and finds it used.
async function rotate(
  { config }: AuthDeps,
  db: Kysely<KernelTables>,
  { parent, next }: Hashes,
): Promise<Successor | undefined> {
  const { rows } = await sql<Successor>`
    with used as (
      update tenantry.refresh_tokens r set used_at = now()
      from tenantry.sessions s
      join tenantry.members m on m.user_id = s.user_id
      join tenantry.users u on u.id = s.user_id
      where r.hash = ${parent} and r.used_at is null and now() < r.expires_at
        and s.id = r.session_id and ${sessionIsLive}
      returning s.id as session_id, s.user_id, ${rolesOf}, least(
        date_trunc('second', now()) + make_interval(days => ${config.REFRESH_TOKEN_EXPIRE_DAYS}),
        s.expires_at) as expires_at
    ), touched as (
      update tenantry.sessions s set last_seen_at = now(), idle_expires_at = used.expires_at
      from used where s.id = used.session_id
    ), next as (
      insert into tenantry.refresh_tokens (hash, session_id, expires_at)
      select ${next}, session_id, expires_at from used
      returning created_at, expires_at
    )
    select used.session_id, used.user_id, used.roles, next.created_at, next.expires_at
    from used, next`.execute(db)
  return rows[0]
}

// The token was not good for a rotation: a retry in time, or a sign that it was stolen.
async function repeat(
  { config }: AuthDeps,
  ctx: PublicContext,
  db: Kysely<KernelTables>,
  { parent, next }: Hashes,
): Promise<Successor | undefined> {
  const { rows } = await sql<Successor & { live: boolean; used: boolean; retry: boolean }>`
    select s.id as session_id, s.user_id, ${rolesOf}, n.created_at, n.expires_at,
      ${sessionIsLive} as live,
      r.used_at is not null as used,
      coalesce(n.used_at is null
        and now() < r.used_at + make_interval(secs => ${config.REFRESH_REUSE_GRACE_SECONDS}),
        false) as retry
    from tenantry.refresh_tokens r
    join tenantry.sessions s on s.id = r.session_id
    join tenantry.members m on m.user_id = s.user_id
    join tenantry.users u on u.id = s.user_id
    left join tenantry.refresh_tokens n on n.hash = ${next}
    where r.hash = ${parent}`.execute(db)
  const [row] = rows
  if (row === undefined || !row.live || !row.used) return undefined
  if (row.retry) return row
  await revokeSession(db, row.session_id, 'refresh_reuse')
  await auditSession(db, ctx, 'refresh.reuse', row.session_id, row.user_id)
  return undefined
}

async function verifyRefresh(
  deps: AuthDeps,
  ctx: PublicContext,
  token: string,
): Promise<RefreshClaims> {
  const claims = await deps.tokens.verifyRefresh(token)
  if (claims === undefined) throw invalidToken()
  if (claims === 'expired') throw expired()
  if (!deps.tokens.belongTo(claims, ctx.tenant)) {
    deps.refusals.note(ctx.tenant.id, ctx.request, { action: 'token.foreign' })
    throw unauthenticated()
  }
  return claims
}

function auditSession(
  db: Kysely<KernelTables>,
  { request }: PublicContext,
  action: string,
  session_id: string,
  actor_id: string,
): Promise<void> {
  const entity = { entity: 'sessions', entity_id: session_id }
  return recordAudit(db, request, { action, ...entity, session_id, actor_id })
}

function invalidToken(): AppError {
  return new AppError('unauthenticated', 'token.invalid', 'Invalid token', { headers: challenge })
}

function expired(): AppError {
  const words = 'Token revoked or expired'
  return new AppError('unauthenticated', 'token.expired', words, { headers: challenge })
}
