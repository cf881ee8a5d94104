import type { RequestInfo, Tenant } from '../app/context.ts'
import type { Route } from '../app/route.ts'
import type { Config } from '../config/config.ts'
import { clientKey } from '../lib/client_key.ts'
import type { Deadline } from '../lib/deadline.ts'
import type { MaybePromise } from '../lib/maybe_promise.ts'
import {
  type Client,
  type ConcurrencyStats,
  FairConcurrency,
  HUNG_MS,
} from '../limits/fair_concurrency.ts'
import { createRateLimiter } from '../limits/rate_limiter.ts'

/** A request whose work waits its turn. */
export interface SlotUser {
  tenant: Tenant
  route: Route
  client: Client
  deadline: Deadline
}

/** Keeps one tenant's flood that tenant's own trouble. Counted at this node, in memory. */
export interface TenantLimits {
  /** Takes a request from the budget of all who come signed in to a tenant. Throws 429 when it is empty. */
  consume(tenant: Tenant): void
  /**
   * Takes a request of nobody we know from the budgets of its address and of all strangers at this
   * tenant: theirs is not its members'. Throws 429 when one is empty.
   */
  consumeAnonymous(tenant: Tenant, info: RequestInfo): void
  /**
   * Does work that may need the database when the tenant's turn comes; the place is free again when
   * the work is done. Throws 503 when too many wait already, or for too long.
   */
  withSlot<T>(request: SlotUser, work: () => MaybePromise<T>): MaybePromise<T>
  /** By lane; none where there are no limits. */
  stats(): Record<string, ConcurrencyStats>
}

export function createTenantLimits(config: Config): TenantLimits {
  if (config.RATE_LIMIT === 'off') return unlimited
  const ofTenant = { members: createRateLimiter('tenant'), strangers: createRateLimiter('tenant') }
  const ofAddress = createRateLimiter('public address')
  // A sign-in waits long for its hash and holds no connection meanwhile: who is signed in already
  // must not stand behind it.
  const lanes = { public: queueOf(config), signedIn: queueOf(config) }
  const usual = config.TENANT_CONCURRENCY ?? Math.ceil(config.DB_POOL_MAX / 2)
  const rateOf = ({ limits }: Tenant) => limits.rate ?? config.TENANT_RATE
  return {
    consume(tenant) {
      ofTenant.members.consume(tenant.id, rateOf(tenant))
    },
    consumeAnonymous(tenant, info) {
      // Its own first: what one address is refused is nobody else's loss.
      ofAddress.consume(clientKey(info.address), config.PUBLIC_RATE)
      ofTenant.strangers.consume(tenant.id, rateOf(tenant))
    },
    withSlot({ tenant, route, client, deadline }, work) {
      const lane = route.access === 'public' ? lanes.public : lanes.signedIn
      const maxRunning = tenant.limits.concurrency ?? usual
      return lane.run({ key: tenant.id, maxRunning: maxRunning, client, deadline: deadline }, work)
    },
    stats: () => ({ public: lanes.public.stats(), signed_in: lanes.signedIn.stats() }),
  }
}

const unlimited: TenantLimits = {
  consume() {},
  consumeAnonymous() {},
  withSlot: (_, work) => work(),
  stats: () => ({}),
}

// As many at work as there are connections: who has a place finds one free, so that nobody waits
// twice, and the order is the queue's.
function queueOf({ DB_POOL_MAX, TENANT_QUEUE }: Config) {
  return new FairConcurrency({
    maxRunning: DB_POOL_MAX,
    maxWaiting: TENANT_QUEUE,
    // The silence after which a connection is closed: an answer would reach nobody.
    hungMs: HUNG_MS,
  })
}
