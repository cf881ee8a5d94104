import type { Kysely } from 'kysely'
import { belongsTo } from '../../access/authenticate.ts'
import type { RefreshClaims } from '../../access/tokens.ts'
import { challenge, unauthenticated } from '../../access/unauthenticated.ts'
import type { PublicContext } from '../../app/context.ts'
import { recordAudit } from '../../audit/audit_log.ts'
import type { KernelTables } from '../../db/tables.ts'
import { AppError, type ErrorExtras } from '../../lib/errors.ts'
import { hashSecret } from '../../lib/keys.ts'
import { endSession } from './end_session.ts'
import {
  findSession,
  findUsedToken,
  revokeSession,
  rotateToken,
  type Successor,
  type TokenHashes,
} from './sessions.ts'
import type { SignInDeps } from './sign_in_deps.ts'

/**
 * Exchanges a refresh token for its successor. A retry with the token just used gets the same
 * successor, byte for byte. Any other used token revokes the session (RFC 9700, 4.14). Throws 401.
 */
export async function refresh(deps: SignInDeps, ctx: PublicContext, token: string) {
  const claims = await verifyRefresh(deps, ctx, token)
  const jti = deps.tokens.successorOf(claims)
  const hashes = { parent: hashSecret(claims.jti), next: hashSecret(jti) }
  const successor = await deps.database.inTenant(
    ctx,
    async (db) =>
      (await rotateToken(db, hashes, deps.config.REFRESH_TOKEN_EXPIRE_DAYS)) ??
      (await retryOrRevoke(deps, ctx, db, claims.sessionId, hashes)),
  )
  if (successor === undefined) throw expired()
  // Thrown outside the transaction, so that the revocation of the session is committed.
  if (successor === 'reused') throw expired({ revoked: true })
  return { jti, ...successor }
}

/** Revokes the session of a refresh token, with its access tokens. Throws 401 for an invalid token. */
export async function signOut(deps: SignInDeps, ctx: PublicContext, token: string): Promise<void> {
  const claims = await verifyRefresh(deps, ctx, token)
  const known = await deps.database.inTenant(ctx, async (db) => {
    const row = await findSession(db, claims.sessionId)
    if (row === undefined) return false
    await endSession(db, ctx.request, { sessionId: row.id, userId: row.user_id })
    return true
  })
  if (!known) throw invalidToken()
}

// The token was already used: either the client retries in time, or the token may have been stolen.
async function retryOrRevoke(
  { config }: SignInDeps,
  ctx: PublicContext,
  db: Kysely<KernelTables>,
  sessionId: string,
  hashes: TokenHashes,
): Promise<Successor | 'reused' | undefined> {
  const used = await findUsedToken(db, sessionId, hashes, config.REFRESH_REUSE_GRACE_SECONDS)
  if (used === undefined || used.retry) return used
  await revokeSession(db, used.session_id, 'refresh_reuse')
  await auditReuse(db, ctx, used.session_id, used.user_id)
  return 'reused'
}

async function verifyRefresh(
  deps: SignInDeps,
  ctx: PublicContext,
  token: string,
): Promise<RefreshClaims> {
  const claims = await deps.tokens.verifyRefresh(token)
  if (claims === undefined) throw invalidToken()
  if (claims === 'expired') throw expired()
  if (!belongsTo(claims, ctx.tenant)) {
    deps.rejections.record(ctx.tenant.id, ctx.request, { action: 'token.foreign' })
    throw unauthenticated()
  }
  return claims
}

function auditReuse(
  db: Kysely<KernelTables>,
  { request }: PublicContext,
  session_id: string,
  actor_id: string,
): Promise<void> {
  const entity = { entity: 'sessions', entity_id: session_id }
  return recordAudit(db, request, { action: 'refresh.reuse', ...entity, session_id, actor_id })
}

function invalidToken(): AppError {
  return new AppError('unauthenticated', 'token.invalid', 'Invalid token', { headers: challenge })
}

function expired(extras: Pick<ErrorExtras, 'revoked'> = {}): AppError {
  const detail = 'Token revoked or expired'
  return new AppError('unauthenticated', 'token.expired', detail, { headers: challenge, ...extras })
}
