import { LRUCache } from 'lru-cache'
import type { Config } from '../config.ts'
import type { Actor, RequestInfo, Tenant } from '../context.ts'
import type { Feed } from '../db/feed.ts'
import type { Doors } from '../db/tenancy.ts'
import type { Patience } from '../patience.ts'
import type { Policy } from '../policy.ts'
import { type AccessClaims, hasExpired, type Tokens } from '../tokens.ts'
import { findSnapshot } from './authenticate.ts'
import type { HostClaim } from './host.ts'
import { createHostGate } from './host_gate.ts'
import { type Answer, DirectReads, type Loaded, RevocableCache } from './revocable_cache.ts'
import { type FoundTenant, findTenant } from './tenant.ts'

export interface LookupDeps {
  config: Config
  doors: Doors
  feed: Feed
  policy: Policy
  tokens: Tokens
}

/** Where a request came from, and how much longer it waits. */
export interface Asker {
  info: Pick<RequestInfo, 'address'>
  patience: Patience
}

// What is in memory is given without a promise: each is work for nobody.
type MaybePromise<T> = T | Promise<T>

/** What each request asks, answered from memory while that is as good as asking the database. */
export interface Lookups {
  /** Whose host it is. `had` is what this request was told before, if it was. */
  tenant(
    claim: HostClaim,
    asker: Asker,
    had?: Answer<FoundTenant | undefined>,
  ): MaybePromise<Answer<FoundTenant | undefined>>
  /** Who claims speak for, and what they may do; undefined where the session is over. */
  actor(
    tenant: Tenant,
    claims: AccessClaims,
    patience: Patience,
    had?: Answer<Actor | undefined>,
  ): MaybePromise<Answer<Actor | undefined>>
  /** Do these still hold? */
  hold(found: Answer<FoundTenant | undefined>, standing?: Answer<Actor | undefined>): boolean
  verifyAccess(token: string): MaybePromise<AccessClaims | 'expired' | undefined>
  figures(): LookupFigures
}

interface CacheFigures {
  size: number
  hits: number
  misses: number
}

/** How the caches do, for those who watch. */
export interface LookupFigures {
  /** Age of the last beat that returned, in milliseconds; null before the first. */
  feedAgeMs: number | null
  fresh: boolean
  /** How often the feed's connection was lost or could not be made. */
  feedFailures: number
  tenants: CacheFigures
  /** How many hosts are remembered to be nobody's. */
  unknownHosts: number
  actors: CacheFigures
  tokens: CacheFigures
}

const MAX_TENANTS = 50_000
const MAX_UNKNOWN_HOSTS = 5_000
const MAX_SESSIONS = 100_000

export function createLookups({ config, doors, feed, policy, tokens }: LookupDeps): Lookups {
  const directReads = new DirectReads(config.DIRECT_READS_MAX)
  const readMs = config.DB_WAIT_MS
  const shared = { feed, directReads, readMs }
  const tenants = new RevocableCache<FoundTenant | undefined>({
    ...shared,
    max: MAX_TENANTS,
    maxNothing: MAX_UNKNOWN_HOSTS,
  })
  const actors = new RevocableCache<Actor | undefined>({ ...shared, max: MAX_SESSIONS })
  const gate = createHostGate(config)
  const find = async (claim: HostClaim, address: string, begin: () => void) => {
    if (claim.kind === 'nobody') return undefined
    return gate.ask(address, () => {
      begin()
      return findTenant(doors, claim, config.PUBLIC_ORIGIN)
    })
  }
  const verified = createTokenCache(tokens)
  return {
    tenant: (claim, { info, patience }, had) =>
      tenants.get(
        keyOf(claim),
        async (begin) => loadedTenant(await find(claim, info.address, begin)),
        patience,
        had,
      ),
    actor: (tenant, claims, patience, had) =>
      actors.get(
        `${tenant.id} ${claims.sessionId} ${claims.userId}`,
        () => readActor(doors, policy, tenant.id, claims),
        patience,
        had,
      ),
    hold: (found, standing) =>
      tenants.holds(found) && (standing === undefined || actors.holds(standing)),
    verifyAccess: verified.verifyAccess,
    figures: () => ({
      feedAgeMs: Number.isFinite(feed.age()) ? feed.age() : null,
      fresh: feed.isFresh(),
      feedFailures: feed.failures(),
      tenants: figuresOf(tenants),
      unknownHosts: tenants.nothingSize,
      actors: figuresOf(actors),
      tokens: verified.figures(),
    }),
  }
}

function keyOf(claim: HostClaim): string {
  if (claim.kind === 'subdomain') return `subdomain ${claim.subdomain}`
  return claim.kind === 'domain' ? `domain ${claim.domain}` : 'nobody'
}

function loadedTenant(value: FoundTenant | undefined): Loaded<FoundTenant | undefined> {
  return { value, dependsOn: [value === undefined ? 'hosts' : `tenant:${value.tenant.id}`] }
}

async function readActor(
  doors: Doors,
  policy: Policy,
  tenantId: string,
  claims: AccessClaims,
): Promise<Loaded<Actor | undefined>> {
  const found = await doors.inTenant(tenantId, (db) => findSnapshot(db, policy, claims))
  const dependsOn = [
    `session:${claims.sessionId}`,
    `user:${claims.userId}`,
    `tenant:${tenantId}`,
    ...(found?.roleIds ?? []).map((it) => `role:${it}`),
  ]
  // Nobody announces that a session or a member is new.
  if (found === undefined) return { value: undefined, dependsOn, cacheable: false }
  return { value: found.actor, dependsOn, holdsMs: found.liveSeconds * 1_000 }
}

// The key is the whole token, and only what was verified is kept: whatever else is sent costs its
// own verification, and no room.
function createTokenCache(tokens: Tokens) {
  const verified = new LRUCache<string, AccessClaims>({ max: MAX_SESSIONS })
  const counts = { hits: 0, misses: 0 }

  async function verifyNew(token: string) {
    const claims = await tokens.verifyAccess(token)
    if (claims !== undefined && claims !== 'expired') verified.set(token, claims)
    return claims
  }

  return {
    figures: () => ({ size: verified.size, ...counts }),
    verifyAccess(token: string) {
      const known = verified.get(token)
      if (known !== undefined) {
        counts.hits++
        return hasExpired(known) ? ('expired' as const) : known
      }
      counts.misses++
      return verifyNew(token)
    },
  }
}

function figuresOf({
  size,
  counts,
}: Pick<RevocableCache<unknown>, 'size' | 'counts'>): CacheFigures {
  return { size, ...counts }
}
