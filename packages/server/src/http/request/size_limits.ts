import { HUNG_MS } from '../../limits/fair_concurrency.ts'

/** What a request may weigh. Sizes in bytes, times in milliseconds. */
export const limits = {
  headerBytes: 16_384,
  headerCount: 100,
  urlBytes: 8_192,
  bodyBytes: 262_144,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  // Longer than a load balancer keeps its side open, so that ours is never the side that closes.
  keepAliveMs: 75_000,
  // A connection on which nothing moves. Longer than any query may run.
  silenceMs: HUNG_MS,
  timeoutCheckMs: 2_000,
} as const

export type Limits = { readonly [Name in keyof typeof limits]: number }
