import { type Quota, rateLimited } from './rate_limit_error.ts'

// Above this number the oldest bucket is dropped, which allows its subject at most one extra burst.
const MAX_BUCKETS = 100_000
const BURST_SECONDS = 2

/** Limits requests per second and subject in this process, with bursts of two seconds' worth. */
export interface RateLimiter {
  /** The number of subjects with a bucket. */
  readonly size: number
  /** Takes one token from the subject's bucket. Throws 429 if it is empty. */
  consume(subject: string, perSecond: number): void
  /** Throws the 429 that `consume` would throw, but takes no token. */
  assertAvailable(subject: string, perSecond: number): void
  /** Takes one token for a request that was already served. An empty bucket stays empty. */
  charge(subject: string, perSecond: number): void
}

/**
 * Token buckets (GCRA). The only state of a bucket is the time at which it will be full again; a full
 * bucket has none. Clients see `name` as the name of the policy.
 */
export function createRateLimiter(name: string, maxBuckets = MAX_BUCKETS): RateLimiter {
  // Oldest use first.
  const fullAt = new Map<string, number>()

  // Looks at two buckets for each one added, so full buckets cannot accumulate.
  function dropFull(now: number): void {
    let seen = 0
    for (const [subject, at] of fullAt) {
      if (seen++ === 2 || (at > now && fullAt.size < maxBuckets)) return
      fullAt.delete(subject)
    }
  }

  /** When the bucket will be full again after one more token is taken. Throws 429 if it is empty. */
  function fullAfterOneMore(subject: string, perSecond: number, now: number): number {
    const next = Math.max(fullAt.get(subject) ?? now, now) + 1_000 / perSecond
    const excess = next - now - BURST_SECONDS * 1_000
    if (excess > 0) throw rateLimited(quotaOf(name, perSecond), excess / 1_000)
    return next
  }

  function store(subject: string, next: number, now: number): void {
    fullAt.delete(subject)
    dropFull(now)
    fullAt.set(subject, next)
  }

  return {
    get size() {
      return fullAt.size
    },
    consume(subject, perSecond) {
      const now = performance.now()
      store(subject, fullAfterOneMore(subject, perSecond, now), now)
    },
    assertAvailable(subject, perSecond) {
      fullAfterOneMore(subject, perSecond, performance.now())
    },
    charge(subject, perSecond) {
      const now = performance.now()
      const next = Math.max(fullAt.get(subject) ?? now, now) + 1_000 / perSecond
      store(subject, Math.min(next, now + BURST_SECONDS * 1_000), now)
    },
  }
}

function quotaOf(name: string, perSecond: number): Quota {
  return { name, limit: perSecond * BURST_SECONDS, windowSeconds: BURST_SECONDS }
}
