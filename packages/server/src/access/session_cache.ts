import type { Actor, RequestInfo, Tenant } from '../app/context.ts'
import type { Policy } from '../app/policy.ts'
import type { Config } from '../config/config.ts'
import type { Database } from '../db/tenancy.ts'
import type { InvalidationListener } from '../invalidation/listener.ts'
import {
  type CacheEntry,
  type LoadResult,
  RevocableCache,
  type RevocableCacheSettings,
  UncachedLookups,
} from '../invalidation/revocable_cache.ts'
import type { Deadline } from '../lib/deadline.ts'
import type { HostMatch } from '../lib/hostname.ts'
import type { MaybePromise } from '../lib/maybe_promise.ts'
import { type FoundTenant, findTenant } from '../tenancy/find_tenant.ts'
import { createHostLookupLimiter } from '../tenancy/host_lookup_limiter.ts'
import { loadSnapshot } from './session_lookup.ts'
import { createTokenCache, shareStrings } from './token_cache.ts'
import type { AccessClaims, Tokens } from './tokens.ts'

export interface LookupDeps {
  config: Config
  database: Database
  listener: InvalidationListener
  policy: Policy
  tokens: Tokens
}

/** Where a request came from, and how much longer it waits. */
export interface Asker {
  info: Pick<RequestInfo, 'address'>
  deadline: Deadline
}

/** What each request asks, answered from memory while that is as good as asking the database. */
export interface Lookups {
  /** Whose host it is. `had` is what this request was told before, if it was. */
  tenant(
    claim: HostMatch,
    asker: Asker,
    had?: CacheEntry<FoundTenant | undefined>,
  ): MaybePromise<CacheEntry<FoundTenant | undefined>>
  /** Who claims speak for, and what they may do; undefined where the session is over. */
  actor(
    tenant: Tenant,
    claims: AccessClaims,
    deadline: Deadline,
    had?: CacheEntry<Actor | undefined>,
  ): MaybePromise<CacheEntry<Actor | undefined>>
  /** Do these still hold? */
  hold(
    found: CacheEntry<FoundTenant | undefined>,
    standing?: CacheEntry<Actor | undefined>,
  ): boolean
  verifyAccess(token: string): MaybePromise<AccessClaims | 'expired' | undefined>
  stats(): LookupFigures
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

export function createLookups({ config, database, listener, policy, tokens }: LookupDeps): Lookups {
  const uncachedLookups = new UncachedLookups(config.UNCACHED_LOOKUPS_MAX)
  const shared = { listener, uncachedLookups, loadMs: config.REQUEST_WAIT_MS }
  const tenants = tenantCache(config, database, shared)
  const actors = actorCache(database, policy, shared)
  const verified = createTokenCache(tokens, MAX_SESSIONS)
  return {
    tenant: (claim, { info, deadline }, had) => tenants.get(claim, info, deadline, had),
    actor: (tenant, claims, deadline, had) => actors.get(claims, tenant, deadline, had),
    hold: (found, standing) =>
      tenants.isValid(found) && (standing === undefined || actors.isValid(standing)),
    verifyAccess: verified.verifyAccess,
    stats: () => ({
      feedAgeMs: Number.isFinite(listener.age()) ? listener.age() : null,
      fresh: listener.isFresh(),
      feedFailures: listener.failures(),
      tenants: figuresOf(tenants),
      unknownHosts: tenants.negativeSize,
      actors: figuresOf(actors),
      tokens: figuresOf(verified),
    }),
  }
}

type Shared = Pick<
  RevocableCacheSettings<unknown, unknown, unknown>,
  'listener' | 'uncachedLookups' | 'loadMs'
>

function tenantCache(config: Config, database: Database, shared: Shared) {
  const gate = createHostLookupLimiter(config)
  const find = async (claim: HostMatch, address: string, begin: () => void) => {
    if (claim.kind === 'nobody') return undefined
    return gate.lookUp(address, () => {
      begin()
      return findTenant(database, claim, config.PUBLIC_ORIGIN)
    })
  }
  return new RevocableCache<FoundTenant | undefined, HostMatch, Asker['info']>({
    ...shared,
    max: MAX_TENANTS,
    maxNegative: MAX_UNKNOWN_HOSTS,
    keyOf: keyOfClaim,
    matches: () => true,
    load: async (claim, { address }, begin) => loadedTenant(await find(claim, address, begin)),
  })
}

// No two claims have one key: a subdomain is a label, and no label is empty or has a space.
function keyOfClaim(claim: HostMatch): string {
  if (claim.kind === 'subdomain') return claim.subdomain
  return claim.kind === 'domain' ? `domain ${claim.domain}` : ''
}

function loadedTenant(value: FoundTenant | undefined): LoadResult<FoundTenant | undefined> {
  return { value, dependsOn: [value === undefined ? 'hosts' : value.tenant.id] }
}

function actorCache(database: Database, policy: Policy, shared: Shared) {
  return new RevocableCache<Actor | undefined, AccessClaims, Tenant>({
    ...shared,
    max: MAX_SESSIONS,
    keyOf: ({ sessionId }) => sessionId,
    matches: ({ dependsOn }, { userId }, { id }) => dependsOn[1] === userId && dependsOn[2] === id,
    load: (claims, tenant) => readActor(database, policy, tenant, claims),
  })
}

async function readActor(
  database: Database,
  policy: Policy,
  tenant: Tenant,
  claims: AccessClaims,
): Promise<LoadResult<Actor | undefined>> {
  shareStrings(claims, tenant)
  const found = await database.inTenant({ tenant, deadline: 'background' }, (db) =>
    loadSnapshot(db, policy, claims),
  )
  // In this order, which is how it is known whose answer it is.
  const who = [claims.sessionId, claims.userId, tenant.id]
  // Nobody announces that a session or a member is new.
  if (found === undefined) return { value: undefined, dependsOn: who, cacheable: false }
  // As long as what is in it, and no longer, as an array that grows would be.
  const dependsOn = who.concat(found.roleIds)
  return { value: found.actor, dependsOn, validMs: Math.floor(found.remainingSeconds * 1_000) }
}

interface Counted {
  size: number
  counts: { hits: number; misses: number }
}

function figuresOf({ size, counts }: Counted): CacheFigures {
  return { size, ...counts }
}
