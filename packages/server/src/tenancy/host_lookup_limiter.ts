import type { Config } from '../config/config.ts'
import { clientKey } from '../lib/client_key.ts'
import { Deadline } from '../lib/deadline.ts'
import { unavailable } from '../lib/errors.ts'
import { FairConcurrency, HUNG_MS } from '../limits/fair_concurrency.ts'
import { createRateLimiter } from '../limits/rate_limiter.ts'

/** Keeps a flood of hosts that nobody has from those of tenants. Counted at this node, in memory. */
export interface HostLookupLimiter {
  /**
   * Asks the database whose a host is, when the turn comes of the address that asks for it. Throws
   * 429 for an address that asked for too many that are nobody's, and 503 where too many wait.
   */
  lookUp<T>(address: string, lookUp: () => Promise<T | undefined>): Promise<T | undefined>
}

const MAX_WAITING = 1_000

export function createHostLookupLimiter(config: Config): HostLookupLimiter {
  if (config.RATE_LIMIT === 'off') return { lookUp: (_, lookUp) => lookUp() }
  const { DB_IDENTITY_POOL_MAX, REQUEST_WAIT_MS, PUBLIC_RATE } = config
  const strange = createRateLimiter('unknown host')
  // The other half is for those who sign in: who floods hosts must not keep them from their connections.
  const maxRunning = Math.ceil(DB_IDENTITY_POOL_MAX / 2)
  const queue = new FairConcurrency({
    maxRunning,
    maxWaiting: MAX_WAITING,
    hungMs: HUNG_MS,
    busy: () => unavailable('server.busy', 'The server is busy; try again'),
  })
  return {
    async lookUp(address, lookUp) {
      const key = clientKey(address)
      strange.assertAvailable(key, PUBLIC_RATE)
      const turn = { key, maxRunning, deadline: new Deadline(REQUEST_WAIT_MS) }
      const found = await queue.run(turn, lookUp)
      if (found === undefined) strange.charge(key, PUBLIC_RATE)
      return found
    },
  }
}
