import { type Quota, rateLimited } from './rate_limit_error.ts'

// Beyond so many the oldest is forgotten: at worst somebody gets one burst more.
const MAX_BUCKETS = 100_000
const BURST_SECONDS = 2

/** Counts requests in this process: so many a second for each subject, in bursts of two seconds' worth. */
export interface RateLimiter {
  /** How many subjects are remembered. */
  readonly size: number
  /** Takes one request from the subject's budget. Throws 429 when it is empty. */
  consume(subject: string, perSecond: number): void
  /** Throws the 429 that `spend` would, and takes nothing. */
  assertAvailable(subject: string, perSecond: number): void
  /** Takes one for what is done already, if there is one left. */
  charge(subject: string, perSecond: number): void
}

/**
 * Token buckets (GCRA): of each only the moment is kept at which it will be full again, and nothing
 * once it is. `name` is the policy's name to clients.
 */
export function createRateLimiter(name: string, maxBuckets = MAX_BUCKETS): RateLimiter {
  // Oldest use first.
  const fullAt = new Map<string, number>()

  // Two for each one that may come: what is full again does not pile up.
  function forgetFull(now: number): void {
    let seen = 0
    for (const [subject, at] of fullAt) {
      if (seen++ === 2 || (at > now && fullAt.size < maxBuckets)) return
      fullAt.delete(subject)
    }
  }

  /** When the bucket is full again if one more is taken now. Throws 429 where none is left. */
  function afterOneMore(subject: string, perSecond: number, now: number): number {
    const next = Math.max(fullAt.get(subject) ?? now, now) + 1_000 / perSecond
    const excess = next - now - BURST_SECONDS * 1_000
    if (excess > 0) throw rateLimited(quotaOf(name, perSecond), excess / 1_000)
    return next
  }

  function keep(subject: string, next: number, now: number): void {
    fullAt.delete(subject)
    forgetFull(now)
    fullAt.set(subject, next)
  }

  return {
    get size() {
      return fullAt.size
    },
    consume(subject, perSecond) {
      const now = performance.now()
      keep(subject, afterOneMore(subject, perSecond, now), now)
    },
    assertAvailable(subject, perSecond) {
      afterOneMore(subject, perSecond, performance.now())
    },
    charge(subject, perSecond) {
      const now = performance.now()
      const next = Math.max(fullAt.get(subject) ?? now, now) + 1_000 / perSecond
      keep(subject, Math.min(next, now + BURST_SECONDS * 1_000), now)
    },
  }
}

function quotaOf(name: string, perSecond: number): Quota {
  return { name, limit: perSecond * BURST_SECONDS, windowSeconds: BURST_SECONDS }
}
