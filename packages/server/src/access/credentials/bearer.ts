const SCHEME = 'bearer '

/**
 * The bearer token of a request, from the values of its Authorization header: exactly one, of the Bearer
 * scheme (RFC 6750), and never from the query. Undefined where there is none. The token is not verified here.
 */
export function bearerToken([value, another]: readonly string[]): string | undefined {
  if (value === undefined || another !== undefined) return undefined
  return value.slice(0, SCHEME.length).toLowerCase() === SCHEME
    ? value.slice(SCHEME.length)
    : undefined
}
