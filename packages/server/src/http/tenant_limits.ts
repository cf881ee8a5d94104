import type { RequestInfo, Tenant } from '../app/context.ts'
import type { Route } from '../app/route.ts'
import type { Config } from '../config/config.ts'
import { addressSubject } from '../lib/client_key.ts'
import type { MaybePromise } from '../lib/maybe_promise.ts'
import type { Patience } from '../lib/wait_budget.ts'
import { type Client, FairQueue, HUNG_MS, type QueueFigures } from '../limits/fair_concurrency.ts'
import { createRequestRate } from '../limits/rate_limiter.ts'

/** A request whose work waits its turn. */
export interface Waiting {
  tenant: Tenant
  route: Route
  client: Client
  patience: Patience
}

/** Keeps one tenant's flood that tenant's own trouble. Counted at this node, in memory. */
export interface TenantLimits {
  /** Takes a request from the budget of all who come signed in to a tenant. Throws 429 when it is empty. */
  spend(tenant: Tenant): void
  /**
   * Takes a request of nobody we know from the budgets of its address and of all strangers at this
   * tenant: theirs is not its members'. Throws 429 when one is empty.
   */
  spendAsStranger(tenant: Tenant, info: RequestInfo): void
  /**
   * Does work that may need the database when the tenant's turn comes; the place is free again when
   * the work is done. Throws 503 when too many wait already, or for too long.
   */
  inTurn<T>(request: Waiting, work: () => MaybePromise<T>): MaybePromise<T>
  /** By lane; none where there are no limits. */
  figures(): Record<string, QueueFigures>
}

export function createTenantLimits(config: Config): TenantLimits {
  if (config.RATE_LIMIT === 'off') return unlimited
  const ofTenant = { members: createRequestRate('tenant'), strangers: createRequestRate('tenant') }
  const ofAddress = createRequestRate('public address')
  // A sign-in waits long for its hash and holds no connection meanwhile: who is signed in already
  // must not stand behind it.
  const lanes = { public: queueOf(config), signedIn: queueOf(config) }
  const usual = config.TENANT_CONCURRENCY ?? Math.ceil(config.DB_POOL_MAX / 2)
  const rateOf = ({ limits }: Tenant) => limits.rate ?? config.TENANT_RATE
  return {
    spend(tenant) {
      ofTenant.members.spend(tenant.id, rateOf(tenant))
    },
    spendAsStranger(tenant, info) {
      // Its own first: what one address is refused is nobody else's loss.
      ofAddress.spend(addressSubject(info.address), config.PUBLIC_RATE)
      ofTenant.strangers.spend(tenant.id, rateOf(tenant))
    },
    inTurn({ tenant, route, client, patience }, work) {
      const lane = route.access === 'public' ? lanes.public : lanes.signedIn
      const atOnce = tenant.limits.concurrency ?? usual
      return lane.inTurn({ key: tenant.id, atOnce, client, patience }, work)
    },
    figures: () => ({ public: lanes.public.figures(), signed_in: lanes.signedIn.figures() }),
  }
}

const unlimited: TenantLimits = {
  spend() {},
  spendAsStranger() {},
  inTurn: (_, work) => work(),
  figures: () => ({}),
}

// As many at work as there are connections: who has a place finds one free, so that nobody waits
// twice, and the order is the queue's.
function queueOf({ DB_POOL_MAX, TENANT_QUEUE }: Config) {
  return new FairQueue({
    atOnce: DB_POOL_MAX,
    waiting: TENANT_QUEUE,
    // The silence after which a connection is closed: an answer would reach nobody.
    hungMs: HUNG_MS,
  })
}
