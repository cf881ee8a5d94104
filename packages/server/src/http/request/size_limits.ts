import type { IncomingMessage } from 'node:http'
import { AppError } from '../../lib/errors.ts'
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

/** Throws 414 or 431 for what Node lets through and we do not. */
export function assertWithinLimits(request: IncomingMessage): void {
  if ((request.url?.length ?? 0) > limits.urlBytes) {
    throw new AppError('uri_too_long', 'request.url_too_long', 'The URL is too long')
  }
  if (request.rawHeaders.length / 2 > limits.headerCount) {
    throw new AppError('headers_too_large', 'request.headers', 'There are too many header fields')
  }
}
