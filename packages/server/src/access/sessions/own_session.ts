import { type Kysely, sql } from 'kysely'
import type { Actor } from '../../app/context.ts'
import { sessionIdOf } from '../../app/session_id_of.ts'
import type { KernelTables } from '../../db/tables.ts'
import { personIsSignedIn } from '../live_session.ts'
import type { AccessClaims } from '../tokens.ts'
import { unauthenticated } from '../unauthenticated.ts'

/**
 * Locks the session of a request whose write runs as the identity role, until the transaction ends. A
 * session that was revoked meanwhile, or whose user changed the password elsewhere, writes nothing. Throws 401.
 */
export async function lockOwnSession(db: Kysely<KernelTables>, actor: Actor): Promise<void> {
  const live = await liveSession(db, ownSession(actor), actor.user.id)
    // The user too: after a wait for the session alone, PostgreSQL would compare its new epoch with the old one
    // of the user.
    .forNoKeyUpdate(['s', 'u'])
    .executeTakeFirst()
  if (live === undefined) throw unauthenticated()
}

/** Are these the claims of a live session of that user in this tenant? Locks nothing. */
export async function isLiveSession(
  db: Kysely<KernelTables>,
  claims: AccessClaims | undefined,
  userId: string,
): Promise<boolean> {
  if (claims?.userId !== userId) return false
  return (await liveSession(db, claims.sessionId, userId).executeTakeFirst()) !== undefined
}

function liveSession(db: Kysely<KernelTables>, id: string, userId: string) {
  return db
    .selectFrom('tenantry.sessions as s')
    .innerJoin('tenantry.users as u', 'u.id', 's.user_id')
    .select('s.id')
    .where('s.id', '=', id)
    .where('s.user_id', '=', userId)
    .where(personIsSignedIn)
}

// A person's account is changed by the person, never by a key or a job.
function ownSession(actor: Actor): string {
  const id = sessionIdOf(actor)
  if (id === undefined) throw unauthenticated()
  return id
}

/** Gives the user's current credential epoch to one session: of all sessions, only it goes on. */
export async function keepSession(db: Kysely<KernelTables>, actor: Actor): Promise<void> {
  await sql`
    update tenantry.sessions s set credentials_epoch = u.sessions_valid_from
    from tenantry.users u where s.id = ${ownSession(actor)} and u.id = s.user_id`.execute(db)
}
