import type { IncomingMessage, ServerResponse } from 'node:http'
import {
  type Authentication,
  type Identity,
  loadIdentity,
  type Verdict,
  verifyBearer,
} from '../access/authenticate.ts'
import { authorize } from '../access/authorize.ts'
import type { SessionUses } from '../access/sessions/session_uses.ts'
import type { AccessClaims } from '../access/tokens.ts'
import { ambiguousSession, unauthenticated } from '../access/unauthenticated.ts'
import type { RequestInfo, Tenant } from '../app/context.ts'
import type { Route } from '../app/route.ts'
import { byActor } from '../audit/audit_log.ts'
import type { Rejections } from '../audit/rejections.ts'
import type { Config } from '../config/config.ts'
import type { InvalidationListener } from '../invalidation/listener.ts'
import type { CacheEntry } from '../invalidation/revocable_cache.ts'
import { Deadline } from '../lib/deadline.ts'
import type { MaybePromise } from '../lib/maybe_promise.ts'
import { closedTenant, type FoundTenant } from '../tenancy/find_tenant.ts'
import type { HostMatch } from '../tenancy/match_host.ts'
import type { TenantCache } from '../tenancy/tenant_cache.ts'
import type { RequestLog } from './access_log.ts'
import { awaitInvalidation } from './await_invalidation.ts'
import { admitAtBase, type BaseRequest } from './base/base_request.ts'
import { assertOwnPage, CookieOfRequest, verifyCookieOf } from './cookie_requests.ts'
import { type HandleDeps, type Handled, handleRoute } from './handle.ts'
import type { ServedRoute } from './ready_request.ts'
import { originOf } from './request/forwarded.ts'
import { invalidHost } from './request/invalid_host.ts'
import { acceptableRequestId } from './request/request_id.ts'
import type { RawRequest } from './request/validate.ts'
import { type RouteIndex, routeNotFound } from './response/allowed_methods.ts'
import { isPreflight } from './response/cors.ts'
import type { TenantLimits } from './tenant_limits.ts'

// The steps of a request, in order:
//   admit: receive (origin) -> resolveTenant -> preflight? -> verifyBearer or verifyCookieOf
//          -> the tenant's rate -> a cookie's own page -> loadIdentity (session) -> permit
//   (Fastify reads the body)
//   run:   reauthorize -> readInput -> slot { reauthorize -> handle } -> await the invalidation
//          -> reauthorize (GET)
// reauthorize compares tenant, session and permission again: from memory while nothing was invalidated.
// A request at APP_HOST takes another way after `receive`: base/base_request.ts.
// Each step takes the value of the previous one and returns a wider one. A step that is answered from
// memory returns no promise, and only promises are awaited.

/** What the steps need. Created once, in runtime/create_app.ts. */
export interface PipelineDeps extends HandleDeps {
  config: Config
  parseHost(host: string): HostMatch | undefined
  tenants: TenantCache
  authentication: Authentication
  sessionUses: SessionUses
  limits: TenantLimits
  rejections: Rejections
  listener: Pick<InvalidationListener, 'sync' | 'now' | 'isCurrent'>
  /** The routes of tenants, and those of APP_HOST, each with the endpoints that need no tenant. */
  index: RouteIndex
  baseIndex: RouteIndex
}

/** A request line and its headers, as Fastify hands them over. */
export interface Arrival {
  raw: IncomingMessage
  /** The target as it was sent, which may be in absolute form. */
  target: string
  /** Undefined if no route matches. */
  route: Route | undefined
  log: RequestLog
}

/** A request whose origin is known. */
interface Received {
  info: RequestInfo
  host: HostMatch
  deadline: Deadline
  log: RequestLog
}

/** A request whose host belongs to an active tenant. */
interface Resolved extends Received {
  tenant: Tenant
  tenantEntry: CacheEntry<FoundTenant | undefined>
}

/** A request that may use its route. */
export interface Admitted extends Resolved {
  route: Route
  /** Undefined on public routes. */
  identity: Identity | undefined
  /** Only of routes that open or end sessions, or depend on one without requiring it. */
  cookies: CookieOfRequest | undefined
}

/**
 * Decides before the body is read whether a request may use its route. Returns undefined for a CORS
 * preflight, which is answered without a route. Throws the error for the client: 400, 401, 403, 404, 405,
 * 429 or 503.
 */
export async function admit(
  deps: PipelineDeps,
  arrival: Arrival,
): Promise<Admitted | BaseRequest | undefined> {
  const { raw } = arrival
  const received = receive(deps, arrival)
  const isPreflighted = raw.method === 'OPTIONS' && isPreflight(deps.config, raw)
  if (received.host.kind === 'base')
    return isPreflighted ? undefined : admitAtBase(deps, received, arrival)
  // A route of APP_HOST does not exist at the host of a tenant.
  const route = arrival.route?.access === 'base' ? undefined : arrival.route
  const resolving = resolveTenant(deps, received)
  const resolved: Resolved = resolving instanceof Promise ? await resolving : resolving
  if (isPreflighted) return undefined
  if (route === undefined || route.access === 'public') {
    return admitPublic(deps, arrival, resolved, route)
  }
  const verifying = verifyCredentials(deps, arrival, resolved)
  const verdict = verifying instanceof Promise ? await verifying : verifying
  const claims = typeof verdict === 'object' ? verdict : rejectCredentials(deps, resolved, verdict)
  deps.limits.consume(resolved.tenant)
  if (claims.renewAt !== undefined) acceptCookie(deps, arrival, resolved, claims)
  const loading = loadIdentity(deps.authentication, claims, resolved)
  const identity: Identity = loading instanceof Promise ? await loading : loading
  resolved.log.userId = identity.actor.user.id
  return permit(deps, admittedOf(resolved, route, identity, undefined))
}

/**
 * Runs an admitted request, whose body has arrived. Its session or permissions may have been revoked while
 * it waited, so it is authorized again after each wait. That costs nothing unless an entry was invalidated.
 */
export async function run(
  deps: PipelineDeps,
  admitted: Admitted,
  served: ServedRoute,
  raw: RawRequest,
  client: ServerResponse,
): Promise<Handled> {
  const { route } = admitted
  const reauthorizing = reauthorize(deps, admitted)
  const request: Admitted = reauthorizing instanceof Promise ? await reauthorizing : reauthorizing
  const input = served.readInput(raw)
  const { headers } = raw
  const handle = ({ tenant, identity, info, deadline, cookies }: Admitted) =>
    handleRoute(deps, { served, tenant, identity, info, deadline, headers, input, cookies })
  const handling = deps.limits.withSlot(request, client, () => {
    const again = reauthorize(deps, request)
    return again instanceof Promise ? again.then(handle) : handle(again)
  })
  const settled = awaitInvalidation(deps.listener, route, handling)
  const handled: Handled = settled instanceof Promise ? await settled : settled
  if (route.method === 'GET') {
    const again = reauthorize(deps, request)
    if (again instanceof Promise) await again
  }
  return handled
}

// A public route needs no credentials. A valid session cookie only decides whose quota the request is charged
// to: the pages of people who are signed in send many such requests from one address.
async function admitPublic(
  deps: PipelineDeps,
  arrival: Arrival,
  resolved: Resolved,
  route: Route | undefined,
): Promise<Admitted> {
  const { raw } = arrival
  const isBearer = raw.headers.authorization !== undefined
  const verifying = isBearer ? 'absent' : verifyCookieOf(deps, arrival, resolved.tenant)
  const verdict = verifying instanceof Promise ? await verifying : verifying
  const carried = typeof verdict === 'object' ? verdict : undefined
  if (carried === undefined) deps.limits.consumeAnonymous(resolved.tenant, resolved.info)
  else deps.limits.consume(resolved.tenant)
  if (route === undefined) throw routeNotFound(deps.index, raw.url ?? '/')
  // A read without access must answer alike whether the browser is signed in or not.
  if (carried !== undefined && route.method !== 'GET') {
    acceptCookie(deps, arrival, resolved, carried)
  }
  if (!route.cookies) return admittedOf(resolved, route, undefined, undefined)
  const bearer = await verifyBearer(deps.authentication, raw.rawHeaders, resolved.tenant)
  const cookies = new CookieOfRequest(deps.config, arrival, verdict, bearer)
  return admittedOf(resolved, route, undefined, cookies)
}

function verifyCredentials(
  deps: PipelineDeps,
  arrival: Arrival,
  { tenant }: Resolved,
): MaybePromise<Verdict> {
  const verdict = verifyBearer(deps.authentication, arrival.raw.rawHeaders, tenant)
  return verdict === 'absent' ? verifyCookieOf(deps, arrival, tenant) : verdict
}

// Throws 403 and records the rejection in the tenant's audit log.
function acceptCookie(
  { config, rejections, sessionUses }: PipelineDeps,
  arrival: Arrival,
  { tenant, info }: Resolved,
  claims: AccessClaims,
): void {
  try {
    assertOwnPage({ config }, arrival)
  } catch (error) {
    rejections.record(tenant.id, info, { action: 'auth.csrf_refused', about: claims.userId })
    throw error
  }
  sessionUses.note(claims)
}

// Charges the request before it is recorded: a request that gets 429 leaves no row in the tenant's audit log.
function rejectCredentials(
  { limits, rejections }: PipelineDeps,
  { tenant, info }: Resolved,
  verdict: Exclude<Verdict, AccessClaims>,
): never {
  limits.consumeAnonymous(tenant, info)
  if (verdict === 'foreign') rejections.record(tenant.id, info, { action: 'token.foreign' })
  throw verdict === 'ambiguous' ? ambiguousSession() : unauthenticated()
}

// Throws 400 if host headers are missing, malformed or contradictory.
function receive({ config, parseHost }: PipelineDeps, { raw, target, log }: Arrival): Received {
  const origin = originOf(raw, target, config.TRUST_PROXY)
  const { address } = origin
  const given = origin.viaProxy ? acceptableRequestId(raw.headers['x-request-id']) : undefined
  const info = { id: given ?? log.info.id, address, userAgent: log.info.userAgent }
  log.info = info
  const host = parseHost(origin.host)
  if (host === undefined) throw invalidHost()
  return { info, host, deadline: new Deadline(config.REQUEST_WAIT_MS), log }
}

// Throws 403 for a suspended tenant's host and 404 for a host without a tenant.
function resolveTenant(
  { tenants }: PipelineDeps,
  request: Received,
  previous?: CacheEntry<FoundTenant | undefined>,
): MaybePromise<Resolved> {
  const { host, info, deadline } = request
  const found = tenants.get(host.key, host, info, deadline, previous)
  return found instanceof Promise
    ? found.then((it) => withTenant(request, it))
    : withTenant(request, found)
}

function withTenant(request: Received, tenantEntry: CacheEntry<FoundTenant | undefined>): Resolved {
  const { info, host, deadline, log } = request
  const found = tenantEntry.value
  if (found === undefined || found.suspended) throw closedTenant(found)
  const { tenant } = found
  log.tenantId = tenant.id
  return { info, host, deadline, log, tenant, tenantEntry }
}

function admittedOf(
  { info, host, deadline, log, tenant, tenantEntry }: Resolved,
  route: Route,
  identity: Identity | undefined,
  cookies: CookieOfRequest | undefined,
): Admitted {
  return { info, host, deadline, log, tenant, tenantEntry, route, identity, cookies }
}

// Throws 403 and records the rejection in the tenant's audit log.
function permit<Request extends Admitted>({ rejections }: PipelineDeps, request: Request): Request {
  const { route, identity, tenant, info } = request
  if (identity === undefined) return request
  try {
    authorize(route, identity.actor)
    return request
  } catch (error) {
    const meta = { method: route.method, path: route.path }
    const by = byActor(identity.actor)
    rejections.record(tenant.id, info, { action: 'access.denied', meta, ...by })
    throw error
  }
}

/** The request with its current tenant and identity. Throws the error that it would get now. */
export function reauthorize(deps: PipelineDeps, request: Admitted): MaybePromise<Admitted> {
  const { listener } = deps
  const { tenantEntry, identity } = request
  const now = listener.now()
  const isUnchanged =
    listener.isCurrent(tenantEntry, now) &&
    (identity === undefined || listener.isCurrent(identity.session, now))
  return isUnchanged ? request : reload(deps, request)
}

async function reload(deps: PipelineDeps, request: Admitted): Promise<Admitted> {
  const { route, identity, cookies } = request
  const resolved = await resolveTenant(deps, request, request.tenantEntry)
  if (identity === undefined) return admittedOf(resolved, route, identity, cookies)
  const { claims, session } = identity
  const reloaded = await loadIdentity(deps.authentication, claims, resolved, session)
  return permit(deps, admittedOf(resolved, route, reloaded, cookies))
}
