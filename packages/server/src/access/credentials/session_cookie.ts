import { rawValues } from '../../lib/net/raw_headers.ts'

/**
 * The cookie of a browser session. The prefix makes the browser refuse it without Secure, and with a
 * Domain: the page of a sibling subdomain cannot set it (RFC 6265bis, 4.1.3.2).
 */
export const SESSION_COOKIE_NAME = '__Host-tenantry'

/**
 * Its name on http and a loopback host, outside of production only: Safari accepts no Secure cookie there.
 * Other ports of that host get it too, so it never counts anywhere else.
 */
export const DEVELOPMENT_COOKIE_NAME = 'tenantry-dev'

/** The cookie with the verifier of a hand-over, by the name of the session cookie of the same request. */
export const verifierCookies = {
  [SESSION_COOKIE_NAME]: '__Host-tenantry-switch',
  [DEVELOPMENT_COOKIE_NAME]: 'tenantry-dev-switch',
} as const

type VerifierCookieName = (typeof verifierCookies)[CookieName]

/** The name of the session cookie, as it counts for one request. */
export type CookieName = typeof SESSION_COOKIE_NAME | typeof DEVELOPMENT_COOKIE_NAME

/**
 * The value of the session cookie; undefined where there is none, 'ambiguous' where there are several: which
 * of them the server set cannot be known.
 */
export function sessionCookie(
  rawHeaders: readonly string[],
  name: CookieName | VerifierCookieName,
): { token: string } | 'ambiguous' | undefined {
  let token: string | undefined
  for (const header of rawValues(rawHeaders, 'cookie')) {
    for (const found of valuesOf(header, `${name}=`)) {
      if (token !== undefined) return 'ambiguous'
      token = found
    }
  }
  return token === undefined ? undefined : { token }
}

// Without splitting: a browser sends all cookies of the host with every request.
function* valuesOf(header: string, prefix: string): Generator<string> {
  for (let at = header.indexOf(prefix); at !== -1; at = header.indexOf(prefix, at + 1)) {
    if (!startsCookie(header, at)) continue
    const end = header.indexOf(';', at)
    yield header.slice(at + prefix.length, end === -1 ? undefined : end).trimEnd()
  }
}

// The name may also occur in the value of another cookie.
function startsCookie(header: string, at: number): boolean {
  const before = header.slice(0, at).trimEnd()
  return before === '' || before.endsWith(';')
}

/** The Set-Cookie of a session that lasts `maxAge` more seconds. 0 removes the cookie. */
export function setSessionCookie(name: CookieName, token: string, maxAge: number): string {
  const secure = name === SESSION_COOKIE_NAME ? '; Secure' : ''
  return `${name}=${token}; Path=/; Max-Age=${maxAge}; HttpOnly; SameSite=Strict${secure}`
}

/**
 * The Set-Cookie of a verifier. Lax: the page of another site, as two tenants of `localhost` are, sends the browser back.
 * 0 removes the cookie.
 */
export function setVerifierCookie(name: CookieName, value: string, maxAge: number): string {
  const secure = name === SESSION_COOKIE_NAME ? '; Secure' : ''
  return `${verifierCookies[name]}=${value}; Path=/; Max-Age=${maxAge}; HttpOnly; SameSite=Lax${secure}`
}
