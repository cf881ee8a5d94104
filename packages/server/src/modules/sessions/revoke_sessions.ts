import { type Kysely, sql } from 'kysely'
import type { KernelTables } from '../../db/tables.ts'

/** Why a session ended; kept in its row. */
export type RevocationReason = 'logout' | 'refresh_reuse' | 'revoked' | 'member_disabled'

/** Ends one session at once, access tokens included. False where it was over already or is no one's. */
export async function revokeSession(
  db: Kysely<KernelTables>,
  sessionId: string,
  why: RevocationReason,
  userId?: string,
): Promise<boolean> {
  let update = db
    .updateTable('tenantry.sessions')
    .set({ revoked_at: sql<string>`now()`, revoked_why: why })
    .where('id', '=', sessionId)
    .where('revoked_at', 'is', null)
  if (userId !== undefined) update = update.where('user_id', '=', userId)
  const { numUpdatedRows } = await update.executeTakeFirst()
  return numUpdatedRows > 0n
}

/** Ends all of a member's sessions in this tenant. Gives how many there were. */
export async function revokeSessionsOf(
  db: Kysely<KernelTables>,
  userId: string,
  why: RevocationReason,
): Promise<number> {
  const { numUpdatedRows } = await db
    .updateTable('tenantry.sessions')
    .set({ revoked_at: sql<string>`now()`, revoked_why: why })
    .where('user_id', '=', userId)
    .where('revoked_at', 'is', null)
    .executeTakeFirst()
  return Number(numUpdatedRows)
}
