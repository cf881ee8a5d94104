import { hash } from 'node:crypto'
import type { Tenant } from '../app/context.ts'
import { ClockCache, type ClockEntry } from '../lib/clock_cache.ts'
import { type AccessClaims, hasExpired, type Tokens } from './tokens.ts'

/** Tokens that were verified lately, so that each is verified once. */
export interface TokenCache {
  readonly size: number
  readonly counts: { hits: number; misses: number }
  /** As Tokens.verifyAccess; what is known is given at once, and not as a promise. */
  verifyAccess(
    token: string,
  ): AccessClaims | 'expired' | Promise<AccessClaims | 'expired' | undefined>
}

// Known by their text, which is compared faster than it is hashed.
const MAX_IN_USE = 4_000
// Of the signature: what no two tokens share unless by a chance of 2^72, and nobody can choose. Where
// they do, they take turns. Shorter than what V8 makes a slice of.
const PLACE_LENGTH = 12

/**
 * Remembers `max` tokens, each by its SHA-256, which takes a tenth of the room. Those that come again
 * and again are kept as they are besides, and compared. Either way a token is known only where it is
 * the same in every character. Only what was verified is kept: whatever else is sent costs its own
 * verification, and no room.
 */
export function createTokenCache(tokens: Tokens, max: number): TokenCache {
  const known = new ClockCache<VerifiedClaims>(max)
  const inUse = new ClockCache<InUse>(MAX_IN_USE)
  const counts = { hits: 0, misses: 0 }

  function find(token: string): VerifiedClaims | undefined {
    const found = inUse.get(placeOf(token))
    if (found?.token !== token) return findByHash(token)
    // Or it would be the first to go of all.
    found.claims.used = true
    return found.claims
  }

  function findByHash(token: string): VerifiedClaims | undefined {
    const claims = known.get(hashOf(token))
    if (claims === undefined) return undefined
    inUse.set(placeOf(token), { token: copyOf(token), claims, used: false })
    return claims
  }

  async function verifyNew(token: string) {
    counts.misses++
    const claims = await tokens.verifyAccess(token)
    if (claims === undefined || claims === 'expired') return claims
    const kept = new VerifiedClaims(claims)
    known.set(hashOf(token), kept)
    return kept
  }

  return {
    counts,
    get size() {
      return known.size
    },
    verifyAccess(token) {
      const claims = find(token)
      if (claims === undefined) return verifyNew(token)
      counts.hits++
      return hasExpired(claims) ? 'expired' : claims
    },
  }
}

interface InUse extends ClockEntry {
  token: string
  claims: VerifiedClaims
}

/** Lets claims keep the texts of their tenant, which are the same, instead of their own. */
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
  used = false

  constructor(claims: AccessClaims) {
    this.issuer = claims.issuer
    this.audience = claims.audience
    this.tenantId = claims.tenantId
    this.sessionId = claims.sessionId
    this.userId = claims.userId
    this.expiresAt = claims.expiresAt
  }

  share({ id, issuer }: Tenant): void {
    if (this.tenantId === id) this.tenantId = id
    if (this.audience === id) this.audience = id
    if (this.issuer === issuer) this.issuer = issuer
  }
}

function placeOf(token: string): string {
  return token.slice(-PLACE_LENGTH)
}

// One character for each byte: the smallest key there is.
function hashOf(token: string): string {
  return hash('sha256', token, 'binary')
}

// What is cut from a header keeps all of the header in memory.
function copyOf(token: string): string {
  return Buffer.from(token, 'latin1').toString('latin1')
}
