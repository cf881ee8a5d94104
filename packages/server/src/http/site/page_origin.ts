import { acceptsCredentials } from '../../access/installation_origin.ts'
import type { Tenant } from '../../app/context.ts'
import type { Config } from '../../config/config.ts'
import { Deadline } from '../../lib/deadline.ts'
import type { MaybePromise } from '../../lib/maybe_promise.ts'
import { closedTenant, type FoundTenant, originOnDomain } from '../../tenancy/find_tenant.ts'
import type { HostMatch } from '../../tenancy/match_host.ts'
import type { ServedNames } from '../../tenancy/served_names.ts'
import type { TenantCache } from '../../tenancy/tenant_cache.ts'
import type { EndpointRequest } from '../endpoints/endpoint.ts'
import { originOf } from '../request/forwarded.ts'
import { invalidHost } from '../request/invalid_host.ts'

export interface PageOriginDeps {
  config: Config
  parseHost(host: string): HostMatch | undefined
  tenants: Pick<TenantCache, 'get'>
}

/** What the pages of all surfaces need. */
export interface SitePageDeps extends PageOriginDeps {
  servedNames: Pick<ServedNames, 'has'>
}

/**
 * Returns a function that gives the URL at which a page has to be opened, or undefined: here. Pages with password fields
 * must not be filled in on a custom domain (decision 20): a sign-in there is a hand-over, and the others open on the
 * tenant's own subdomain. APP_HOST has no members: who wants to sign in there has forgotten where, and finds it
 * (decision 96). Only the host of a custom domain is looked up. Throws 400, 403 or 404 as an API request there does.
 */
export function createPageLocation(deps: PageOriginDeps) {
  return (request: EndpointRequest): MaybePromise<string | undefined> => {
    const path = request.raw.url ?? '/'
    const { host: text } = originOf(request.raw, request.target, deps.config.TRUST_PROXY)
    const host = deps.parseHost(text)
    if (host === undefined) throw invalidHost()
    if (host.kind === 'base') {
      return SIGN_IN.test(path) || FORGOTTEN.test(path) ? '/auth/find-workspace' : undefined
    }
    if (host.kind !== 'domain') return undefined
    const found = tenantAt(deps, request, host)
    return found instanceof Promise
      ? found.then((it) => onDomain(opened(it), path, request.query))
      : onDomain(opened(found), path, request.query)
  }
}

/**
 * The origin of a custom domain of a tenant, by its name. Undefined where it leads to none. Anyone can make a browser ask
 * for any name, so the look-up is not charged to the client's address, whose unknown hosts are limited.
 */
export async function originOfDomain(
  { config, parseHost, servedNames }: SitePageDeps,
  name: string,
): Promise<string | undefined> {
  const host = parseHost(name)
  if (host?.kind !== 'domain' || !(await servedNames.has(host.domain))) return undefined
  return originOnDomain(config.PUBLIC_ORIGIN.replaceAll('{tenant}', 'tenant'), host.domain)
}

const SIGN_IN = /^\/auth(\/|\/sign-in\/?)?(\?|$)/
const FORGOTTEN = /^\/auth\/forgot-password\/?(\?|$)/
const PASSED_ON = new Set(['next', 'reason'])
const WITH_CREDENTIALS = /^\/auth\/(?!switch\/?(\?|$))/

function tenantAt(
  { config, tenants }: PageOriginDeps,
  { raw, target }: EndpointRequest,
  host: HostMatch,
): MaybePromise<FoundTenant | undefined> {
  const { address } = originOf(raw, target, config.TRUST_PROXY)
  const deadline = new Deadline(config.REQUEST_WAIT_MS)
  const found = tenants.get(host.key, host, { address }, deadline)
  return found instanceof Promise ? found.then((it) => it.value) : found.value
}

function opened(found: FoundTenant | undefined): Tenant {
  if (found === undefined || found.suspended) throw closedTenant(found)
  return found.tenant
}

function onDomain(tenant: Tenant, path: string, query: URLSearchParams): string | undefined {
  if (acceptsCredentials(tenant)) return undefined
  if (SIGN_IN.test(path)) {
    const wanted = new URLSearchParams({ from: tenant.subdomain })
    for (const [name, value] of query) if (PASSED_ON.has(name)) wanted.set(name, value)
    return `/auth/switch?${wanted}`
  }
  return WITH_CREDENTIALS.test(path) ? tenant.issuer + path : undefined
}
