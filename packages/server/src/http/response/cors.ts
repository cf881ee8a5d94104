import type { IncomingMessage } from 'node:http'
import type { Config } from '../../config/config.ts'

/** How browsers may use the API from other origins. */
export function corsOptions(config: Config) {
  return {
    origin: config.CORS_ORIGINS,
    credentials: false,
    maxAge: 600,
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
    exposedHeaders: [
      'etag',
      'location',
      'ratelimit',
      'ratelimit-policy',
      'retry-after',
      'tenantry-written',
      'x-request-id',
    ],
    // The pipeline answers preflights, after it has found the tenant. Any other OPTIONS gets a 405.
    preflightContinue: true,
    strictPreflight: false,
  }
}

/** Is it a CORS-preflight request (Fetch standard, 3.3.2)? */
export function isPreflight(
  { CORS_ORIGINS }: Config,
  { method, headers }: Pick<IncomingMessage, 'method' | 'headers'>,
): boolean {
  return (
    CORS_ORIGINS.length > 0 &&
    method === 'OPTIONS' &&
    headers.origin !== undefined &&
    headers['access-control-request-method'] !== undefined
  )
}
