import { parseCookie, stringifySetCookie } from 'cookie'
import { z } from 'zod'
import type { AppCookie } from '../app/replies.ts'
import type { Route } from '../app/route.ts'

// The page of a sibling subdomain cannot set a cookie of this name, and it is sent on https only (RFC 6265bis,
// 4.1.3.2).
const PREFIX = '__Host-'
// What every browser stores (RFC 6265, 6.1).
const BYTES_MAX = 4_096

/** The cookies of the app that a request carries, by the names that the route declares. */
export function appCookiesIn(
  names: readonly string[],
  header: string | undefined,
): Record<string, string> {
  if (header === undefined) return {}
  const sent = parseCookie(header)
  const found = names.flatMap((name) => {
    const value = sent[wireName(name)]
    return value === undefined ? [] : [[name, value]]
  })
  return Object.fromEntries(found)
}

/** The Set-Cookie values of a reply. Throws for a cookie that the route does not declare or that is too long. */
export function setAppCookies(
  { appCookies }: Pick<Route, 'appCookies'>,
  cookies: readonly AppCookie[],
): string[] {
  const declared = appCookies instanceof z.ZodObject ? appCookies.shape : {}
  return cookies.map(({ name, value, maxAge }) => {
    if (!Object.hasOwn(declared, name)) {
      throw new Error(`the route does not declare the cookie ${name}: add it to appCookies`)
    }
    const text = stringifySetCookie({
      name: wireName(name),
      value,
      path: '/',
      secure: true,
      httpOnly: true,
      sameSite: 'lax',
      ...(maxAge === undefined ? {} : { maxAge }),
    })
    if (text.length > BYTES_MAX) throw new Error(`the cookie ${name} is longer than 4096 bytes`)
    return text
  })
}

/** The name of a cookie as it is sent. */
export function wireName(name: string): string {
  return `${PREFIX}${name}`
}
