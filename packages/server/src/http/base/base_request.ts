import type { IncomingMessage, ServerResponse } from 'node:http'
import type { BaseContext, RequestInfo, Tenant } from '../../app/context.ts'
import type { Route } from '../../app/route.ts'
import type { InvalidationListener } from '../../invalidation/listener.ts'
import type { Deadline } from '../../lib/deadline.ts'
import { after, type MaybePromise } from '../../lib/maybe_promise.ts'
import { closedTenant } from '../../tenancy/find_tenant.ts'
import { awaitInvalidation } from '../await_invalidation.ts'
import type { Handled } from '../handle.ts'
import type { ServedRoute } from '../ready_request.ts'
import type { RawRequest } from '../request/validate.ts'
import { type RouteIndex, routeNotFound } from '../response/allowed_methods.ts'
import type { TenantLimits } from '../tenant_limits.ts'

// The steps of a request at APP_HOST, in order:
//   admitAtBase: the rate of its address and of this host -> its route
//   (Fastify reads the body)
//   runAtBase:   readInput -> slot { handle } -> await the invalidation
// There is no tenant and no identity: no credential of a tenant is looked at.

/** A request at APP_HOST. */
export interface BaseRequest {
  kind: 'base'
  info: RequestInfo
  deadline: Deadline
  route: Route
}

// What one tenant is to the limits: all requests at APP_HOST share one quota and one queue.
const BASE: Pick<Tenant, 'id' | 'limits'> = {
  id: 'base',
  limits: { rate: null, concurrency: null },
}

interface Deps {
  limits: TenantLimits
  listener: Pick<InvalidationListener, 'sync'>
}

/** Throws 404, also for a route of tenants, 405 and 429. */
export function admitAtBase(
  { limits, baseIndex }: { limits: TenantLimits; baseIndex: RouteIndex },
  { info, deadline }: Pick<BaseRequest, 'info' | 'deadline'>,
  { route, raw }: { route: Route | undefined; raw: IncomingMessage },
): BaseRequest {
  limits.consumeAnonymous(BASE, info)
  if (route === undefined) throw routeNotFound(baseIndex, raw.url ?? '/')
  if (route.access !== 'base') throw closedTenant(undefined)
  return { kind: 'base', info, deadline, route }
}

/** Runs an admitted request, whose body has arrived. */
export function runAtBase(
  { limits, listener }: Deps,
  { info: request, deadline, route }: BaseRequest,
  { readInput, serialize }: ServedRoute,
  raw: RawRequest,
  client: ServerResponse,
): MaybePromise<Handled> {
  const input = readInput(raw)
  const ctx: BaseContext = { request, deadline }
  const handle = () =>
    // The route builders checked the types of context and input, which a stored route no longer has.
    after(route.handle(ctx as never, input as never), (result) => ({
      result,
      payload: serialize?.(result),
      cookies: undefined,
    }))
  const handling = limits.withSlot({ tenant: BASE, route, deadline }, client, handle)
  return awaitInvalidation(listener, route, handling)
}
