import { HUNG_MS } from '../../limits/fair_concurrency.ts'

/** The limits of a request. Sizes are in bytes, times in milliseconds. */
export const limits = {
  headerBytes: 16_384,
  headerCount: 100,
  urlBytes: 8_192,
  bodyBytes: 262_144,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  // Longer than a load balancer keeps an idle connection: if the server closed first, the balancer could
  // send a request on a closed connection.
  keepAliveMs: 75_000,
  // The limit of a connection without traffic. Longer than any query may run.
  silenceMs: HUNG_MS,
  timeoutCheckMs: 2_000,
} as const

export type Limits = { readonly [Name in keyof typeof limits]: number }
