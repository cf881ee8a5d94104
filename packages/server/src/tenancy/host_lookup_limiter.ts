import type { Config } from '../config/config.ts'
import { addressSubject } from '../lib/client_key.ts'
import { Patience } from '../lib/wait_budget.ts'
import { type Client, FairQueue, HUNG_MS } from '../limits/fair_concurrency.ts'
import { createRequestRate } from '../limits/rate_limiter.ts'

/** Keeps a flood of hosts that nobody has from those of tenants. Counted at this node, in memory. */
export interface HostGate {
  /**
   * Asks the database whose a host is, when the turn comes of the address that asks for it. Throws
   * 429 for an address that asked for too many that are nobody's, and 503 where too many wait.
   */
  ask<T>(address: string, lookUp: () => Promise<T | undefined>): Promise<T | undefined>
}

const MAX_WAITING = 1_000

export function createHostGate(config: Config): HostGate {
  if (config.RATE_LIMIT === 'off') return { ask: (_, lookUp) => lookUp() }
  const { DB_IDENTITY_POOL_MAX, DB_WAIT_MS, PUBLIC_RATE } = config
  const strange = createRequestRate('unknown host')
  // The other half is for those who sign in: who floods hosts must not keep them from their connections.
  const atOnce = Math.ceil(DB_IDENTITY_POOL_MAX / 2)
  const queue = new FairQueue({ atOnce, waiting: MAX_WAITING, hungMs: HUNG_MS })
  return {
    async ask(address, lookUp) {
      const key = addressSubject(address)
      strange.assertLeft(key, PUBLIC_RATE)
      const turn = { key, atOnce, client: everybody, patience: new Patience(DB_WAIT_MS) }
      const found = await queue.inTurn(turn, lookUp)
      if (found === undefined) strange.charge(key, PUBLIC_RATE)
      return found
    },
  }
}

// Others may have joined the look-up by the time that one of them leaves.
const everybody: Client = { destroyed: false, once() {}, off() {} }
