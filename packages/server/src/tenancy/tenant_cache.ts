import type { RequestInfo } from '../app/context.ts'
import type { Config } from '../config/config.ts'
import type { Database } from '../db/tenancy.ts'
import {
  type CacheSources,
  type LoadResult,
  RevocableCache,
} from '../invalidation/revocable_cache.ts'
import type { HostMatch } from '../lib/net/hostname.ts'
import { type FoundTenant, findTenant } from './find_tenant.ts'
import { createHostLookupLimiter } from './host_lookup_limiter.ts'

/** Tenants by host. A negative entry means that no tenant has the host. */
export type TenantCache = RevocableCache<
  FoundTenant | undefined,
  HostMatch,
  Pick<RequestInfo, 'address'>
>

const MAX_TENANTS = 50_000
const MAX_UNKNOWN_HOSTS = 5_000

export function createTenantCache(
  config: Config,
  database: Database,
  sources: CacheSources,
): TenantCache {
  const limiter = createHostLookupLimiter(config)
  const find = async (host: HostMatch, address: string, begin: () => void) => {
    if (host.kind === 'unknown') return undefined
    return limiter.lookUp(address, () => {
      begin()
      return findTenant(database, host, config.PUBLIC_ORIGIN)
    })
  }
  return new RevocableCache({
    ...sources,
    max: MAX_TENANTS,
    maxNegative: MAX_UNKNOWN_HOSTS,
    keyOf,
    matches: () => true,
    load: async (host, { address }, begin) => loadedTenant(await find(host, address, begin)),
  })
}

// Keys do not collide: a subdomain is one label, and no label is empty or has a space.
function keyOf(host: HostMatch): string {
  if (host.kind === 'subdomain') return host.subdomain
  return host.kind === 'domain' ? `domain ${host.domain}` : ''
}

function loadedTenant(value: FoundTenant | undefined): LoadResult<FoundTenant | undefined> {
  return { value, dependsOn: [value === undefined ? 'hosts' : value.tenant.id] }
}
