import type { Actor, Tenant } from '../app/context.ts'
import type { CacheEntry } from '../invalidation/revocable_cache.ts'
import type { Deadline } from '../lib/deadline.ts'
import type { MaybePromise } from '../lib/maybe_promise.ts'
import { rawValues } from '../lib/net/raw_headers.ts'
import { bearerToken } from './credentials/bearer.ts'
import { type CookieName, sessionCookie } from './credentials/session_cookie.ts'
import type { SessionCache } from './session_cache.ts'
import type { TokenCache } from './token_cache.ts'
import type { AccessClaims } from './tokens.ts'
import { unauthenticated } from './unauthenticated.ts'

/** An authenticated request: its actor, the verified claims that name it, and the cached session. */
export interface Identity {
  actor: Actor
  claims: AccessClaims
  session: CacheEntry<Actor | undefined>
}

export interface Authentication {
  tokenCache: TokenCache
  sessions: SessionCache
}

/**
 * What credentials prove: the claims, where they belong to this tenant; 'foreign' if they belong to another
 * one; 'ambiguous' for several of them; 'absent' for none; otherwise undefined.
 */
export type Verdict = AccessClaims | 'foreign' | 'ambiguous' | 'absent' | undefined

/**
 * Verifies the bearer token of a request. Where there is an Authorization header, it alone counts. A further
 * kind of credentials needs a file in credentials/ and a function here.
 */
export function verifyBearer(
  { tokenCache }: Authentication,
  rawHeaders: readonly string[],
  tenant: Tenant,
): MaybePromise<Verdict> {
  const given = rawValues(rawHeaders, 'authorization')
  if (given.length === 0) return 'absent'
  const token = bearerToken(given)
  return token === undefined ? undefined : verdictOn(tokenCache.verifyAccess(token), tenant)
}

/** Verifies the session cookie of a request, which has no Authorization header. */
export function verifyCookie(
  { tokenCache }: Authentication,
  rawHeaders: readonly string[],
  tenant: Tenant,
  name: CookieName,
): MaybePromise<Verdict> {
  const found = sessionCookie(rawHeaders, name)
  if (found === undefined) return 'absent'
  return found === 'ambiguous' ? found : verdictOn(tokenCache.verifySession(found.token), tenant)
}

/**
 * The identity behind verified claims: session, user and membership must all be live. `previous` is
 * the entry that authenticated this request earlier, if one did. Throws 401.
 */
export function loadIdentity(
  { sessions }: Authentication,
  claims: AccessClaims,
  { tenant, deadline }: { tenant: Tenant; deadline: Deadline },
  previous?: CacheEntry<Actor | undefined>,
): MaybePromise<Identity> {
  const session = sessions.get(claims.sessionId, claims, tenant, deadline, previous)
  return session instanceof Promise
    ? session.then((it) => identityOf(claims, tenant, it))
    : identityOf(claims, tenant, session)
}

/**
 * Whether a token was issued for this tenant, at the origin that was asked for: who operates the server of a custom domain
 * gets what is sent there, and must be able to use it nowhere else (decision 87).
 */
export function belongsTo({ tenantId, audience, issuer }: AccessClaims, tenant: Tenant): boolean {
  return tenantId === tenant.id && audience === tenant.id && issuer === tenant.origin
}

function verdictOn(
  verified: MaybePromise<AccessClaims | undefined>,
  tenant: Tenant,
): MaybePromise<Verdict> {
  return verified instanceof Promise
    ? verified.then((it) => claimsOfTenant(it, tenant))
    : claimsOfTenant(verified, tenant)
}

function claimsOfTenant(
  verified: AccessClaims | undefined,
  tenant: Tenant,
): AccessClaims | 'foreign' | undefined {
  if (verified === undefined) return undefined
  return belongsTo(verified, tenant) ? verified : 'foreign'
}

// The entry is found by the session id alone: it must be this user's session at this tenant.
function identityOf(
  claims: AccessClaims,
  tenant: Tenant,
  session: CacheEntry<Actor | undefined>,
): Identity {
  const { value: actor, dependsOn } = session
  if (actor === undefined || dependsOn[1] !== claims.userId || dependsOn[2] !== tenant.id) {
    throw unauthenticated()
  }
  return { actor, claims, session }
}
