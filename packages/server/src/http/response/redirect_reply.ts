import { KnownUrl, type RedirectReply } from '../../app/replies.ts'
import { AppError } from '../../lib/errors.ts'

// One slash: browsers read `//host` and `/\host` as another origin, and skip tabs and line breaks.
const PATH = /^\/(?![/\\])[^\\\p{Cc}]*$/u

/**
 * The Location of a redirect: a path, or a URL of an origin that the route declares. Throws 400 for any
 * other, which may come from the client's own input.
 */
export function locationFor({ origins }: RedirectReply, target: unknown): string {
  if (target instanceof KnownUrl) return inAscii(target.href)
  if (typeof target === 'string' && target.isWellFormed()) {
    if (PATH.test(target)) return inAscii(target)
    if (!/[\\\p{Cc}\s]/u.test(target) && isAmong(origins, originOf(target) ?? '')) {
      return inAscii(target)
    }
  }
  throw new AppError(
    'invalid',
    'redirect.target',
    'The redirect leads neither to a path of this site nor to an allowed origin',
  )
}

// A subdomain is one label: it contains no dot.
function isAmong(origins: readonly string[], origin: string): boolean {
  return origins.some((it) => {
    const [before = '', after] = it.split('{tenant}')
    if (after === undefined) return it === origin
    const label = origin.slice(before.length, origin.length - after.length)
    return origin === before + label + after && /^[a-z0-9-]+$/.test(label)
  })
}

function originOf(target: string): string | undefined {
  if (!URL.canParse(target)) return undefined
  const { origin, username, password } = new URL(target)
  return username === '' && password === '' ? origin : undefined
}

// Not through URL: it would turn `/..//host` into `//host`.
function inAscii(target: string): string {
  return target.replaceAll(/[^\x21-\x7e]+/gu, encodeURIComponent)
}
