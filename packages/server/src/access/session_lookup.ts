import { type Kysely, sql } from 'kysely'
import type { Actor } from '../app/context.ts'
import type { Policy } from '../app/policy.ts'
import { compiledQuery } from '../db/compiled_query.ts'
import type { KernelTables } from '../db/tables.ts'
import { AppError } from '../lib/errors.ts'
import { rawValues } from '../lib/raw_headers.ts'
import { sessionIsLive } from './live_session.ts'
import { internedNames, permissionsOf, roleColumns } from './permissions.ts'
import type { AccessClaims } from './tokens.ts'

/** 401, in the words of the seed, with the challenge RFC 6750 asks for. */
export function unauthenticated(): AppError {
  return new AppError('unauthenticated', 'credentials.invalid', 'Could not validate credentials', {
    headers: challenge,
  })
}

/** The headers of every 401 (RFC 9110, 11.6.1). */
export const challenge = { 'www-authenticate': 'Bearer' } as const

/**
 * The bearer token of a request: exactly one Authorization header of the Bearer scheme (RFC 6750).
 * Never from the query. Undefined where there is none; what it holds is for whoever verifies it.
 */
export function bearerToken(rawHeaders: readonly string[]): string | undefined {
  const [value, another] = rawValues(rawHeaders, 'authorization')
  if (value === undefined || another !== undefined) return undefined
  return value.slice(0, SCHEME.length).toLowerCase() === SCHEME
    ? value.slice(SCHEME.length)
    : undefined
}

// What follows is not looked at here: a token that is remembered is compared in every character, and
// any other must be base64url all through to be verified.
const SCHEME = 'bearer '

/** Who is signed in, as the database had it at one moment. */
export interface SessionSnapshot {
  actor: Actor
  /** The tenant's own roles that the rights come from. */
  roleIds: string[]
  /** Until the session ends by itself. */
  remainingSeconds: number
}

/**
 * Who the claims speak for and what they may do, read by one query in the tenant's transaction:
 * session, user and membership must all be alive now. Undefined where one is not.
 */
export async function loadSnapshot(
  db: Kysely<KernelTables>,
  policy: Policy,
  { sessionId, userId }: AccessClaims,
): Promise<SessionSnapshot | undefined> {
  const { rows } = await db.executeQuery(standing(db, { sessionId, userId }))
  const [row] = rows
  if (row === undefined) return undefined
  const { id, email, full_name, role_ids, live_seconds, ...held } = row
  const permissions = permissionsOf(policy, held)
  // Frozen: many requests share it. With the texts of the claims, which are kept anyway.
  const user = Object.freeze({ id: id === userId ? userId : id, email, full_name })
  const actor = Object.freeze({ user, sessionId, roles: internedNames(held.roles), permissions })
  return { actor, roleIds: role_ids, remainingSeconds: live_seconds }
}

/** The same, of those who only ask who it is. */
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

const standing = compiledQuery((db, { sessionId, userId }: { sessionId: string; userId: string }) =>
  db
    .selectFrom('tenantry.sessions as s')
    .innerJoin('tenantry.members as m', 'm.user_id', 's.user_id')
    .innerJoin('tenantry.users as u', 'u.id', 's.user_id')
    .select(['u.id', 'u.email', 'u.full_name', roleIds, liveSeconds, ...roleColumns('s.user_id')])
    .where('s.id', '=', sessionId)
    .where('s.user_id', '=', userId)
    .where(sessionIsLive),
)
