import { rawValues } from '../../lib/net/raw_headers.ts'

const SCHEME = 'bearer '

/**
 * The bearer token of a request, from exactly one Authorization header of the Bearer scheme (RFC 6750)
 * and never from the query. Undefined where there is none. The token is not verified here.
 */
export function bearerToken(rawHeaders: readonly string[]): string | undefined {
  const [value, another] = rawValues(rawHeaders, 'authorization')
  if (value === undefined || another !== undefined) return undefined
  return value.slice(0, SCHEME.length).toLowerCase() === SCHEME
    ? value.slice(SCHEME.length)
    : undefined
}
