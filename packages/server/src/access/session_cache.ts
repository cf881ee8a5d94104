import type { Actor, RequestInfo, Tenant } from '../app/context.ts'
import type { Policy } from '../app/policy.ts'
import type { Config } from '../config/config.ts'
import type { Doors } from '../db/tenancy.ts'
import type { Feed } from '../invalidation/listener.ts'
import {
  type Answer,
  DirectReads,
  type Loaded,
  RevocableCache,
  type RevocableCacheSettings,
} from '../invalidation/revocable_cache.ts'
import type { HostClaim } from '../lib/hostname.ts'
import type { MaybePromise } from '../lib/maybe_promise.ts'
import type { Patience } from '../lib/wait_budget.ts'
import { type FoundTenant, findTenant } from '../tenancy/find_tenant.ts'
import { createHostGate } from '../tenancy/host_lookup_limiter.ts'
import { findSnapshot } from './session_lookup.ts'
import { createVerifiedTokens, shareTexts } from './token_cache.ts'
import type { AccessClaims, Tokens } from './tokens.ts'

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
  const shared = { feed, directReads, readMs: config.DB_WAIT_MS }
  const tenants = tenantCache(config, doors, shared)
  const actors = actorCache(doors, policy, shared)
  const verified = createVerifiedTokens(tokens, MAX_SESSIONS)
  return {
    tenant: (claim, { info, patience }, had) => tenants.get(claim, info, patience, had),
    actor: (tenant, claims, patience, had) => actors.get(claims, tenant, patience, had),
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
      tokens: figuresOf(verified),
    }),
  }
}

type Shared = Pick<
  RevocableCacheSettings<unknown, unknown, unknown>,
  'feed' | 'directReads' | 'readMs'
>

function tenantCache(config: Config, doors: Doors, shared: Shared) {
  const gate = createHostGate(config)
  const find = async (claim: HostClaim, address: string, begin: () => void) => {
    if (claim.kind === 'nobody') return undefined
    return gate.ask(address, () => {
      begin()
      return findTenant(doors, claim, config.PUBLIC_ORIGIN)
    })
  }
  return new RevocableCache<FoundTenant | undefined, HostClaim, Asker['info']>({
    ...shared,
    max: MAX_TENANTS,
    maxNothing: MAX_UNKNOWN_HOSTS,
    keyOf: keyOfClaim,
    fits: () => true,
    read: async (claim, { address }, begin) => loadedTenant(await find(claim, address, begin)),
  })
}

// No two claims have one key: a subdomain is a label, and no label is empty or has a space.
function keyOfClaim(claim: HostClaim): string {
  if (claim.kind === 'subdomain') return claim.subdomain
  return claim.kind === 'domain' ? `domain ${claim.domain}` : ''
}

function loadedTenant(value: FoundTenant | undefined): Loaded<FoundTenant | undefined> {
  return { value, dependsOn: [value === undefined ? 'hosts' : value.tenant.id] }
}

function actorCache(doors: Doors, policy: Policy, shared: Shared) {
  return new RevocableCache<Actor | undefined, AccessClaims, Tenant>({
    ...shared,
    max: MAX_SESSIONS,
    keyOf: ({ sessionId }) => sessionId,
    fits: ({ dependsOn }, { userId }, { id }) => dependsOn[1] === userId && dependsOn[2] === id,
    read: (claims, tenant) => readActor(doors, policy, tenant, claims),
  })
}

async function readActor(
  doors: Doors,
  policy: Policy,
  tenant: Tenant,
  claims: AccessClaims,
): Promise<Loaded<Actor | undefined>> {
  shareTexts(claims, tenant)
  const found = await doors.inTenant(tenant.id, (db) => findSnapshot(db, policy, claims))
  // In this order, which is how it is known whose answer it is.
  const who = [claims.sessionId, claims.userId, tenant.id]
  // Nobody announces that a session or a member is new.
  if (found === undefined) return { value: undefined, dependsOn: who, cacheable: false }
  // As long as what is in it, and no longer, as an array that grows would be.
  const dependsOn = who.concat(found.roleIds)
  return { value: found.actor, dependsOn, holdsMs: Math.floor(found.liveSeconds * 1_000) }
}

interface Counted {
  size: number
  counts: { hits: number; misses: number }
}

function figuresOf({ size, counts }: Counted): CacheFigures {
  return { size, ...counts }
}
