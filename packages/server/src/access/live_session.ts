import { sql } from 'kysely'

/**
 * The condition for a live session where the membership need not be compared, over the aliases s (sessions) and
 * u (users): the removal or deactivation of a member revokes the member's sessions.
 */
export const personIsSignedIn = sql<boolean>`(
  s.revoked_at is null
  and now() < s.idle_expires_at and now() < s.expires_at
  and s.credentials_epoch = u.sessions_valid_from
  and u.is_active
)`

/**
 * The condition for a live session, over the aliases s (sessions), m (members) and u (users).
 * Authentication and refresh share it, so that they cannot disagree.
 */
export const sessionIsLive = sql<boolean>`(${personIsSignedIn} and m.is_active)`
