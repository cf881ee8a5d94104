import type { Config } from '../../config/config.ts'
import { Deadline } from '../../lib/deadline.ts'
import type { MaybePromise } from '../../lib/maybe_promise.ts'
import { closedTenant, type FoundTenant } from '../../tenancy/find_tenant.ts'
import type { HostMatch } from '../../tenancy/match_host.ts'
import type { TenantCache } from '../../tenancy/tenant_cache.ts'
import type { EndpointRequest } from '../endpoints/endpoint.ts'
import { originOf } from '../request/forwarded.ts'
import { invalidHost } from '../request/invalid_host.ts'

export interface PageOriginDeps {
  config: Config
  parseHost(host: string): HostMatch | undefined
  tenants: Pick<TenantCache, 'get'>
}

/**
 * Returns a function that gives the URL at which a page has to be opened, or undefined: here. Pages have password
 * fields, which must not be filled in on a custom domain (decision 20), so those open on the tenant's own subdomain.
 * APP_HOST has no members: who wants to sign in there has forgotten where, and finds it (decision 96).
 * Only the host of a custom domain is looked up. Throws 400, 403 or 404 as an API request there does.
 */
export function createPageLocation({ config, parseHost, tenants }: PageOriginDeps) {
  return ({ raw, target }: EndpointRequest): MaybePromise<string | undefined> => {
    const path = raw.url ?? '/'
    const { host: text, address } = originOf(raw, target, config.TRUST_PROXY)
    const host = parseHost(text)
    if (host === undefined) throw invalidHost()
    if (host.kind === 'base') return SIGN_IN.test(path) ? '/auth/find-workspace' : undefined
    if (host.kind !== 'domain') return undefined
    const deadline = new Deadline(config.REQUEST_WAIT_MS)
    const found = tenants.get(host.key, host, { address }, deadline)
    return found instanceof Promise
      ? found.then((it) => issuerOf(it.value) + path)
      : issuerOf(found.value) + path
  }
}

const SIGN_IN = /^\/auth(\/|\/(sign-in|forgot-password)\/?)?(\?|$)/

function issuerOf(found: FoundTenant | undefined): string {
  if (found === undefined || found.suspended) throw closedTenant(found)
  return found.tenant.issuer
}
