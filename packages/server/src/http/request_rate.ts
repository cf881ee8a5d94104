import { type Quota, tooMany } from './too_many.ts'

// Beyond so many the oldest is forgotten: at worst somebody gets one burst more.
const MAX_BUCKETS = 100_000
const BURST_SECONDS = 2

/** Counts requests in this process: so many a second for each subject, in bursts of two seconds' worth. */
export interface RequestRate {
  /** How many subjects are remembered. */
  readonly size: number
  /** Takes one request from the subject's budget. Throws 429 when it is empty. */
  spend(subject: string, perSecond: number): void
  /** Puts one back that turned out to cost nothing. */
  giveBack(subject: string, perSecond: number): void
}

/**
 * Token buckets (GCRA): of each only the moment is kept at which it will be full again, and nothing
 * once it is. `name` is the policy's name to clients.
 */
export function createRequestRate(name: string, maxBuckets = MAX_BUCKETS): RequestRate {
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

  return {
    get size() {
      return fullAt.size
    },
    spend(subject, perSecond) {
      const now = performance.now()
      const next = Math.max(fullAt.get(subject) ?? now, now) + 1_000 / perSecond
      const excess = next - now - BURST_SECONDS * 1_000
      if (excess > 0) throw tooMany(quotaOf(name, perSecond), excess / 1_000)
      fullAt.delete(subject)
      forgetFull(now)
      fullAt.set(subject, next)
    },
    giveBack(subject, perSecond) {
      const at = fullAt.get(subject)
      if (at !== undefined) fullAt.set(subject, at - 1_000 / perSecond)
    },
  }
}

function quotaOf(name: string, perSecond: number): Quota {
  return { name, limit: perSecond * BURST_SECONDS, windowSeconds: BURST_SECONDS }
}
