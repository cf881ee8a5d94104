import type { Config } from '../config/config.ts'
import { Deadline } from '../lib/deadline.ts'
import { unavailable } from '../lib/errors.ts'
import { clientKey } from '../lib/net/client_key.ts'
import { FairConcurrency, HUNG_MS } from '../limits/fair_concurrency.ts'
import { createRateLimiter } from '../limits/rate_limiter.ts'

/** Limits look-ups of unknown hosts per client address. Counted in the memory of this server. */
export interface HostLookupLimiter {
  /**
   * Runs a look-up when its client's address gets a slot. Throws 429 for an address that asked for too
   * many unknown hosts, and 503 if too many look-ups are queued.
   */
  lookUp<T>(address: string, lookUp: () => Promise<T | undefined>): Promise<T | undefined>
}

const MAX_WAITING = 1_000

export function createHostLookupLimiter(config: Config): HostLookupLimiter {
  if (config.RATE_LIMIT === 'off') return { lookUp: (_, lookUp) => lookUp() }
  const { DB_IDENTITY_POOL_MAX, REQUEST_WAIT_MS, PUBLIC_RATE } = config
  const unknownHosts = createRateLimiter('unknown host')
  // The other half stays free for sign-ins: a flood of unknown hosts must not take all connections.
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
      unknownHosts.assertAvailable(key, PUBLIC_RATE)
      const request = { key, maxRunning, deadline: new Deadline(REQUEST_WAIT_MS) }
      const found = await queue.run(request, lookUp)
      if (found === undefined) unknownHosts.charge(key, PUBLIC_RATE)
      return found
    },
  }
}
