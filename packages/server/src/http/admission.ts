import type { IncomingMessage } from 'node:http'
import { authorize } from '../access/authorize.ts'
import type { Lookups } from '../access/session_cache.ts'
import { bearerToken, unauthenticated } from '../access/session_lookup.ts'
import type { AccessClaims, Tokens } from '../access/tokens.ts'
import type { Actor, RequestInfo, Tenant } from '../app/context.ts'
import type { Route } from '../app/route.ts'
import { byActor } from '../audit/audit_log.ts'
import type { Rejections } from '../audit/rejections.ts'
import type { Config } from '../config/config.ts'
import type { CacheEntry } from '../invalidation/revocable_cache.ts'
import { Deadline } from '../lib/deadline.ts'
import type { HostMatch } from '../lib/hostname.ts'
import { after, type MaybePromise } from '../lib/maybe_promise.ts'
import { type FoundTenant, openTenant } from '../tenancy/find_tenant.ts'
import { invalidHost, originOf } from './request/forwarded.ts'
import { acceptableRequestId, newRequestId } from './request/request_id.ts'
import type { SignedIn } from './request_state.ts'
import type { TenantLimits } from './tenant_limits.ts'

/** What letting a request in needs. */
export interface AdmissionDeps {
  config: Config
  readHost: (host: string) => HostMatch | undefined
  lookups: Lookups
  tokens: Pick<Tokens, 'belongTo'>
  rejections: Rejections
  limits: TenantLimits
}

/** What is known of a request so far; each step of the pipeline adds to it. */
export interface RequestState {
  startedAt: number
  deadline: Deadline
  info: RequestInfo
  host: string
  claim?: HostMatch
  found?: CacheEntry<FoundTenant | undefined>
  tenant?: Tenant
  standing?: CacheEntry<Actor | undefined>
  signedIn?: SignedIn
  /** Of the problem it was told. */
  code?: string
}

export function newState({ REQUEST_WAIT_MS }: Config, userAgent = ''): RequestState {
  const info = { id: newRequestId(), address: '', userAgent: userAgent.slice(0, 512) }
  return { startedAt: performance.now(), deadline: new Deadline(REQUEST_WAIT_MS), info, host: '' }
}

/** Host, address and, of a proxy that is trusted, the request id. Throws 400 where they contradict each other. */
export function readOrigin(
  { config }: Pick<AdmissionDeps, 'config'>,
  raw: IncomingMessage,
  url: string,
  state: RequestState,
): void {
  const origin = originOf(raw, url, config.TRUST_PROXY)
  const given = origin.viaProxy ? acceptableRequestId(raw.headers['x-request-id']) : undefined
  state.info.address = origin.address
  if (given !== undefined) state.info.id = given
  state.host = origin.host
}

/** The tenant whose host was asked. Throws 400, 403 where it is suspended, 404. */
export function tenantOf(deps: AdmissionDeps, state: RequestState): MaybePromise<Tenant> {
  state.claim ??= readClaim(deps, state)
  return after(deps.lookups.tenant(state.claim, state, state.found), (found) => {
    state.found = found
    state.tenant = openTenant(found.value)
    return state.tenant
  })
}

/** Takes note of who comes with these headers. Throws 401, and 429 where the tenant's budget is empty. */
export function signIn(
  deps: AdmissionDeps,
  rawHeaders: readonly string[],
  tenant: Tenant,
  state: RequestState,
): MaybePromise<void> {
  const token = bearerToken(rawHeaders)
  return after(token === undefined ? token : deps.lookups.verifyAccess(token), (verified) => {
    const claims = claimsFor(deps, verified, tenant, state)
    // Not before: whoever sends no token of ours must not use up what those have who do.
    deps.limits.consume(tenant)
    return recognise(deps, claims, tenant, state)
  })
}

/** Whoever is signed in may use this route. Throws 403, which is noted. */
export function admit(
  deps: AdmissionDeps,
  route: Route,
  tenant: Tenant,
  { signedIn, info }: RequestState,
): void {
  if (signedIn === undefined) return
  try {
    authorize(route, signedIn.actor)
  } catch (error) {
    const meta = { method: route.method, path: route.path }
    const by = byActor(signedIn.actor)
    deps.rejections.record(tenant.id, info, { action: 'access.denied', meta, ...by })
    throw error
  }
}

/**
 * Asks again: what let a request in may be gone by the time its body has arrived, its turn has come, or
 * its answer been read. Costs nothing where nothing was announced: then it is the tenant that it was.
 * Throws what the request would be told if it came now.
 */
export function assertStillLetIn(
  deps: AdmissionDeps,
  route: Route,
  state: RequestState,
): MaybePromise<Tenant> {
  const { found, standing, tenant } = state
  const unchanged = found !== undefined && deps.lookups.hold(found, standing)
  return unchanged && tenant !== undefined ? tenant : letInAgain(deps, route, state)
}

async function letInAgain(deps: AdmissionDeps, route: Route, state: RequestState): Promise<Tenant> {
  const tenant = await tenantOf(deps, state)
  if (state.signedIn === undefined) return tenant
  await recognise(deps, state.signedIn.claims, tenant, state)
  admit(deps, route, tenant, state)
  return tenant
}

function readClaim({ readHost }: AdmissionDeps, state: RequestState): HostMatch {
  const claim = readHost(state.host)
  if (claim === undefined) throw invalidHost()
  return claim
}

/** Claims that were verified, of this tenant. Throws 401, or 429 for a stranger who came too often. */
function claimsFor(
  { limits, tokens, rejections }: AdmissionDeps,
  verified: AccessClaims | 'expired' | undefined,
  tenant: Tenant,
  { info }: RequestState,
): AccessClaims {
  const claims = verified === 'expired' ? undefined : verified
  if (claims !== undefined && tokens.belongTo(claims, tenant)) return claims
  if (claims !== undefined) rejections.record(tenant.id, info, { action: 'token.foreign' })
  limits.consumeAnonymous(tenant, info)
  throw unauthenticated()
}

function recognise(
  { lookups }: AdmissionDeps,
  claims: AccessClaims,
  tenant: Tenant,
  state: RequestState,
): MaybePromise<void> {
  return after(lookups.actor(tenant, claims, state.deadline, state.standing), (standing) => {
    state.standing = standing
    const actor = standing.value
    if (actor === undefined) throw unauthenticated()
    state.signedIn = { actor, claims }
  })
}
