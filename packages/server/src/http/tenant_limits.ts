import type { RequestInfo, Tenant } from '../app/context.ts'
import { isAnonymous, type Route } from '../app/route.ts'
import type { Config } from '../config/config.ts'
import type { Deadline } from '../lib/deadline.ts'
import { unavailable } from '../lib/errors.ts'
import type { MaybePromise } from '../lib/maybe_promise.ts'
import { counter, gauge, type Metric, type Sample } from '../lib/metric.ts'
import { clientKey } from '../lib/net/client_key.ts'
import {
  type Client,
  type ConcurrencyStats,
  FairConcurrency,
  HUNG_MS,
} from '../limits/fair_concurrency.ts'
import { createRateLimiter } from '../limits/rate_limiter.ts'

/** What the limits need to know of a tenant. */
type LimitedTenant = Pick<Tenant, 'id' | 'limits'>

/** A request whose work needs a slot. */
export interface SlotUser {
  readonly tenant: LimitedTenant
  readonly route: Route
  readonly deadline: Deadline
}

/** Limits the share of a server that one tenant's requests may use. Counted in this process. */
export interface TenantLimits {
  /** Charges an authenticated request to its tenant's quota. Throws 429. */
  consume(tenant: LimitedTenant): void
  /** Charges an unauthenticated request to its address and to the tenant's anonymous quota. Throws 429. */
  consumeAnonymous(tenant: LimitedTenant, info: RequestInfo): void
  /**
   * Runs work that may need the database when the tenant has a free slot, and frees the slot when the work
   * ends. Throws 503 if too many requests wait, or if the deadline has passed.
   */
  withSlot<T>(request: SlotUser, client: Client, work: () => MaybePromise<T>): MaybePromise<T>
  metrics(): Metric[]
}

export function createTenantLimits(config: Config): TenantLimits {
  if (config.RATE_LIMIT === 'off') return unlimited
  const quotas = { members: createRateLimiter('tenant'), anonymous: createRateLimiter('tenant') }
  const perAddress = createRateLimiter('public address')
  // A sign-in waits long for its hash without holding a connection: authenticated requests must not queue
  // behind it.
  const slots = { public: slotsOf(config), signedIn: slotsOf(config) }
  const usual = config.TENANT_CONCURRENCY ?? Math.ceil(config.DB_POOL_MAX / 2)
  return {
    consume(tenant) {
      quotas.members.consume(tenant.id, tenant.limits.rate ?? config.TENANT_RATE)
    },
    consumeAnonymous(tenant, info) {
      // The address first: a request that it rejects is not charged to the tenant.
      perAddress.consume(clientKey(info.address), config.PUBLIC_RATE)
      quotas.anonymous.consume(tenant.id, tenant.limits.rate ?? config.TENANT_RATE)
    },
    withSlot({ tenant, route, deadline }, client, work) {
      const pool = isAnonymous(route) ? slots.public : slots.signedIn
      const maxRunning = tenant.limits.concurrency ?? usual
      return pool.run({ key: tenant.id, maxRunning, client, deadline }, work)
    },
    metrics: () =>
      slotMetrics(() => ({ public: slots.public.stats(), signed_in: slots.signedIn.stats() })),
  }
}

const unlimited: TenantLimits = {
  consume() {},
  consumeAnonymous() {},
  withSlot: (_request, _client, work) => work(),
  metrics: () => slotMetrics(() => ({})),
}

// As many slots as connections: a request with a slot finds a free connection, so it does not wait twice,
// and the queue alone decides the order.
function slotsOf({ DB_POOL_MAX, TENANT_QUEUE }: Config): FairConcurrency {
  return new FairConcurrency({
    maxRunning: DB_POOL_MAX,
    maxWaiting: TENANT_QUEUE,
    // A silent connection is closed after this time: a later answer would reach no client.
    hungMs: HUNG_MS,
    busy: () => unavailable('tenant.busy', 'Too many concurrent requests; try again'),
  })
}

function slotMetrics(stats: () => Record<string, ConcurrencyStats>): Metric[] {
  const perClass = (of: (stats: ConcurrencyStats) => number) => (): Sample[] =>
    Object.entries(stats()).map(([name, it]) => [{ class: name }, of(it)])
  const labels = ['class']
  const running = perClass((it) => it.running)
  const waiting = perClass((it) => it.waiting)
  const rejected = perClass((it) => it.rejected)
  return [
    gauge('tenantry_queue_running', 'Requests that hold a slot.', labels, running),
    gauge('tenantry_queue_waiting', 'Requests waiting for a slot.', labels, waiting),
    counter(
      'tenantry_queue_rejected_total',
      'Requests that got 503 instead of a slot.',
      labels,
      rejected,
    ),
  ]
}
