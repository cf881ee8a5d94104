import type { RequestInfo } from '../app/context.ts'
import type { Config } from '../config/config.ts'
import type { Database } from '../db/tenancy.ts'
import {
  type CacheSources,
  type LoadResult,
  RevocableCache,
} from '../invalidation/revocable_cache.ts'
import { type FoundTenant, findTenant } from './find_tenant.ts'
import { createHostLookupLimiter } from './host_lookup_limiter.ts'
import type { HostMatch } from './match_host.ts'

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
    if (host.kind === 'unknown' || host.kind === 'base') return undefined
    return limiter.lookUp(address, () => {
      begin()
      return findTenant(database, host, config.PUBLIC_ORIGIN)
    })
  }
  return new RevocableCache({
    ...sources,
    max: MAX_TENANTS,
    maxNegative: MAX_UNKNOWN_HOSTS,
    load: async (host, { address }, begin) => loadedTenant(await find(host, address, begin)),
  })
}

function loadedTenant(value: FoundTenant | undefined): LoadResult<FoundTenant | undefined> {
  return { value, dependsOn: [value === undefined ? 'hosts' : value.tenant.id] }
}
