import type { Actor, Tenant } from '../app/context.ts'
import type { Policy } from '../app/policy.ts'
import type { Database } from '../db/tenancy.ts'
import {
  type CacheSources,
  type LoadResult,
  RevocableCache,
} from '../invalidation/revocable_cache.ts'
import { loadSnapshot } from './load_actor.ts'
import { shareStrings } from './token_cache.ts'
import type { AccessClaims } from './tokens.ts'

/** The actors of live sessions, by session id. Without an actor: the session has ended. */
export type SessionCache = RevocableCache<Actor | undefined, AccessClaims, Tenant>

/** How many sessions are cached, and how many verified tokens. */
export const MAX_SESSIONS = 100_000

export function createSessionCache(
  database: Database,
  policy: Policy,
  sources: CacheSources,
): SessionCache {
  return new RevocableCache({
    ...sources,
    max: MAX_SESSIONS,
    load: (claims, tenant) => loadSession(database, policy, tenant, claims),
  })
}

async function loadSession(
  database: Database,
  policy: Policy,
  tenant: Tenant,
  claims: AccessClaims,
): Promise<LoadResult<Actor | undefined>> {
  shareStrings(claims, tenant)
  const found = await database.read({ tenant, deadline: 'background' }, ({ db }) =>
    loadSnapshot(db, policy, claims),
  )
  // authenticate.ts compares user and tenant with the claims, in this order.
  const ids = [claims.sessionId, claims.userId, tenant.id]
  // Not cached: no trigger announces a new session or member.
  if (found === undefined) return { value: undefined, dependsOn: ids, cacheable: false }
  // concat allocates the exact length; an array that grew would hold spare capacity.
  const dependsOn = ids.concat(found.roleIds)
  return { value: found.actor, dependsOn, validMs: Math.floor(found.remainingSeconds * 1_000) }
}
