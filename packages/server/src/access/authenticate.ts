import type { Actor, RequestInfo, Tenant } from '../app/context.ts'
import type { Rejections } from '../audit/rejections.ts'
import type { CacheEntry } from '../invalidation/revocable_cache.ts'
import type { Deadline } from '../lib/deadline.ts'
import type { MaybePromise } from '../lib/maybe_promise.ts'
import { bearerToken } from './credentials/bearer.ts'
import type { SessionCache } from './session_cache.ts'
import type { TokenCache } from './token_cache.ts'
import type { AccessClaims, Tokens } from './tokens.ts'
import { unauthenticated } from './unauthenticated.ts'

/** An authenticated request: its actor, the verified claims that name it, and the cached session. */
export interface Identity {
  actor: Actor
  claims: AccessClaims
  session: CacheEntry<Actor | undefined>
}

/** What authentication needs. */
export interface Authentication {
  tokens: Pick<Tokens, 'belongTo'>
  tokenCache: TokenCache
  sessions: SessionCache
  rejections: Pick<Rejections, 'record'>
}

/** Where a request came from. */
export interface CredentialsSource {
  readonly tenant: Tenant
  readonly info: RequestInfo
}

/**
 * The verified claims of a request's credentials, where they belong to this tenant; otherwise
 * undefined. Credentials of another tenant are recorded in this tenant's audit log. A further kind of
 * credentials needs a file in credentials/ and a branch here.
 */
export function verifyCredentials(
  deps: Authentication,
  rawHeaders: readonly string[],
  source: CredentialsSource,
): MaybePromise<AccessClaims | undefined> {
  const token = bearerToken(rawHeaders)
  if (token === undefined) return undefined
  const verified = deps.tokenCache.verifyAccess(token)
  return verified instanceof Promise
    ? verified.then((it) => claimsOfTenant(deps, it, source))
    : claimsOfTenant(deps, verified, source)
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
  const session = sessions.get(claims, tenant, deadline, previous)
  return session instanceof Promise
    ? session.then((it) => identityOf(claims, it))
    : identityOf(claims, session)
}

function claimsOfTenant(
  { tokens, rejections }: Authentication,
  verified: AccessClaims | 'expired' | undefined,
  { tenant, info }: CredentialsSource,
): AccessClaims | undefined {
  if (verified === undefined || verified === 'expired') return undefined
  if (tokens.belongTo(verified, tenant)) return verified
  rejections.record(tenant.id, info, { action: 'token.foreign' })
  return undefined
}

function identityOf(claims: AccessClaims, session: CacheEntry<Actor | undefined>): Identity {
  const actor = session.value
  if (actor === undefined) throw unauthenticated()
  return { actor, claims, session }
}
