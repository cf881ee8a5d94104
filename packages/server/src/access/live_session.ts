import { sql } from 'kysely'

/**
 * Is a session alive now, for the aliases s (sessions), m (members) and u (users)? The one place
 * that says so: authentication and refresh both ask it.
 */
export const sessionIsLive = sql<boolean>`(
  s.revoked_at is null
  and now() < s.idle_expires_at and now() < s.expires_at
  and s.credentials_epoch = u.sessions_valid_from
  and m.is_active and u.is_active
)`
