import type { IncomingHttpHeaders } from 'node:http'
import { AppError } from '../../lib/errors.ts'

/** Reads change nothing: the database rejects a write in a GET. */
export function isSafeMethod(method: string | undefined): boolean {
  return method === 'GET' || method === 'HEAD'
}

/**
 * Rejects a change that another origin's page sends with the cookie of the browser, or that would give the
 * browser a cookie (login CSRF). SameSite=Strict does not stop the page of a sibling subdomain: it is the
 * same site. `Origin` must be the origin of the request's own host. Where a browser sends none, or `null`
 * (a form under Referrer-Policy: no-referrer), it must say `Sec-Fetch-Site: same-origin`. Throws 403.
 */
export function assertSameOrigin(headers: IncomingHttpHeaders, ownOrigin: string): void {
  const { origin } = headers
  const isOwn =
    origin === undefined || origin === 'null'
      ? headers['sec-fetch-site'] === 'same-origin'
      : origin === ownOrigin
  if (!isOwn) throw forged('The request must come from a page of this origin')
}

/**
 * Rejects a read that another origin's page embeds, as a script or an image: the page would learn from its
 * effects whether the person may read it (XS-leaks). A page that fetches with CORS gets no credentials, and
 * one that navigates cannot read. Throws 403.
 */
export function assertNotEmbedded(headers: IncomingHttpHeaders): void {
  const site = headers['sec-fetch-site']
  const isForeign = site === 'cross-site' || site === 'same-site'
  if (isForeign && headers['sec-fetch-mode'] === 'no-cors') {
    throw forged('A page of another origin cannot embed this')
  }
}

/**
 * Rejects a request of a script. The reply of a navigation is a page, and a redirect to another origin is one whose
 * address no script of this origin can read. No script can set these headers (Fetch Metadata). Throws 403.
 */
export function assertNavigated(headers: {
  'sec-fetch-mode'?: string | undefined
  'sec-fetch-dest'?: string | undefined
}): void {
  if (headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document') return
  const detail = 'A form of the page must send this request, in the window itself'
  throw new AppError('forbidden', 'csrf.navigation', detail)
}

function forged(detail: string): AppError {
  return new AppError('forbidden', 'csrf.origin', detail)
}
