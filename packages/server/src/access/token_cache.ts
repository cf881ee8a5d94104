import { hash } from 'node:crypto'
import type { Tenant } from '../app/context.ts'
import { ClockCache, type ClockEntry } from '../lib/cache/clock_cache.ts'
import type { MaybePromise } from '../lib/maybe_promise.ts'
import { type AccessClaims, LEEWAY_SECONDS, type Tokens } from './tokens.ts'

/** The claims of recently verified tokens, so that a signature is verified once per token. */
export interface TokenCache {
  readonly size: number
  readonly counts: { hits: number; misses: number }
  /** As Tokens.verifyAccess, but returns the claims of a cached token without a promise. */
  verifyAccess(token: string): MaybePromise<Verified>
  /** The same for the token of a session cookie. */
  verifySession(token: string): MaybePromise<Verified>
}

type Verified = AccessClaims | undefined

// Tokens found by their text: comparing a token is faster than hashing it.
const MAX_IN_USE = 4_000
// The end of the signature is the key. No client can choose it, and two tokens share it with a
// probability of 2^-72; they would then replace each other. It is also shorter than the shortest slice
// of V8, which would keep the whole header in memory.
const KEY_LENGTH = 12

/**
 * Caches the claims of `max` tokens by the SHA-256 of the token, which takes a tenth of its memory. A
 * token that is used again is also kept as text. Either way only a token that is equal in every
 * character is found. Only verified tokens are cached: an invalid one costs its own verification and
 * no memory.
 */
export function createTokenCache(tokens: Tokens, max: number): TokenCache {
  const byHash = new ClockCache<VerifiedClaims>(max)
  const inUse = new ClockCache<InUse>(MAX_IN_USE)
  const counts = { hits: 0, misses: 0 }

  function find(token: string): VerifiedClaims | undefined {
    const found = inUse.get(keyOf(token))
    if (found?.token !== token) return findByHash(token)
    // A hit by text does not touch byHash: unmarked, the claims would be evicted first.
    found.claims.used = true
    return found.claims
  }

  function findByHash(token: string): VerifiedClaims | undefined {
    const claims = byHash.get(hashOf(token))
    if (claims === undefined) return undefined
    inUse.set(keyOf(token), { token: copyOf(token), claims, used: false })
    return claims
  }

  async function verifyNew(token: string, isCookie: boolean) {
    counts.misses++
    const claims = await (isCookie ? tokens.verifySession(token) : tokens.verifyAccess(token))
    if (claims === undefined) return undefined
    const entry = new VerifiedClaims(claims)
    byHash.set(hashOf(token), entry)
    return entry
  }

  function verify(token: string, isCookie: boolean): MaybePromise<Verified> {
    const claims = find(token)
    if (claims === undefined) return verifyNew(token, isCookie)
    counts.hits++
    // A token that was verified as one kind is not valid as the other.
    if ((claims.renewAt !== undefined) !== isCookie) return undefined
    // By the rule of Tokens.verifyAccess: a token expires while its claims are cached.
    const isExpired = claims.expiresAt <= Math.floor(Date.now() / 1000) - LEEWAY_SECONDS
    return isExpired ? undefined : claims
  }

  return {
    counts,
    get size() {
      return byHash.size
    },
    verifyAccess: (token) => verify(token, false),
    verifySession: (token) => verify(token, true),
  }
}

interface InUse extends ClockEntry {
  token: string
  claims: VerifiedClaims
}

/** Replaces strings of the claims by the equal strings of the tenant, to keep one copy in memory. */
export function shareStrings(claims: AccessClaims, tenant: Tenant): void {
  if (claims instanceof VerifiedClaims) claims.share(tenant)
}

class VerifiedClaims implements AccessClaims {
  issuer: string
  audience: string
  tenantId: string
  readonly sessionId: string
  readonly userId: string
  readonly expiresAt: number
  readonly renewAt: number | undefined
  used = false

  constructor(claims: AccessClaims) {
    this.issuer = claims.issuer
    this.audience = claims.audience
    this.tenantId = claims.tenantId
    this.sessionId = claims.sessionId
    this.userId = claims.userId
    this.expiresAt = claims.expiresAt
    this.renewAt = claims.renewAt
  }

  share({ id, origin }: Tenant): void {
    if (this.tenantId === id) this.tenantId = id
    if (this.audience === id) this.audience = id
    if (this.issuer === origin) this.issuer = origin
  }
}

function keyOf(token: string): string {
  return token.slice(-KEY_LENGTH)
}

// One Latin-1 character for each byte: the smallest key.
function hashOf(token: string): string {
  return hash('sha256', token, 'binary')
}

// A slice of a header would keep the whole header in memory.
function copyOf(token: string): string {
  return Buffer.from(token, 'latin1').toString('latin1')
}
