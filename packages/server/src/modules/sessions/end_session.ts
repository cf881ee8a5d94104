import type { Kysely } from 'kysely'
import type { AccessClaims } from '../../access/tokens.ts'
import type { RequestInfo } from '../../app/context.ts'
import { recordAudit } from '../../audit/audit_log.ts'
import type { KernelTables } from '../../db/tables.ts'
import { revokeSession } from './sessions.ts'

/** Signs a session out, with its audit row. Does nothing to a session that has been revoked before. */
export async function endSession(
  db: Kysely<KernelTables>,
  request: RequestInfo,
  { sessionId, userId }: Pick<AccessClaims, 'sessionId' | 'userId'>,
): Promise<void> {
  if (!(await revokeSession(db, sessionId, 'signed_out', userId))) return
  await recordAudit(db, request, {
    action: 'auth.signed_out',
    entity: 'sessions',
    entity_id: sessionId,
    session_id: sessionId,
    actor_id: userId,
  })
}
