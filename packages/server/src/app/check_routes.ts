import { z } from 'zod'
import { memoize } from '../lib/cache/memoize.ts'
import { OperatorError } from '../lib/operator_error.ts'
import { openPartOf } from './open_schema.ts'
import type { Policy } from './policy.ts'
import { isAnonymous, isPermission, type Route } from './route.ts'
import { coercedFields } from './zod_coercion.ts'

/**
 * Rejects, at start, routes that JavaScript or a cast brought past the compiler: unknown access, a body
 * that accepts unknown fields, a reply that may return unlisted fields, a write without an audit name,
 * path parameters without a schema, text coerced to a boolean, two routes for one path, assurance without a
 * password. Throws one error that lists every fault with its fix.
 */
export function checkRoutes(routes: readonly Route[], policy: Policy): void {
  const checks = [
    accessFault,
    baseFault,
    assuranceFault,
    rowsFault,
    bodyFault,
    replyFault,
    auditFault,
    paramsFault,
    textFault,
    headersFault,
    cookiesFault,
    bytesFault,
    cachedFault,
  ]
  const faults = routes.flatMap((route) =>
    checks
      .map((check) => check(route, policy))
      .filter((it) => it !== undefined)
      .map((fault) => `${route.method} ${route.path}: ${fault}`),
  )
  faults.push(...duplicates(routes))
  if (faults.length > 0) throw new OperatorError(`bad routes:\n  ${faults.join('\n  ')}`)
}

function accessFault({ access }: Route, policy: Policy): string | undefined {
  // The type requires it, but an app may start without being compiled.
  if (typeof access !== 'string' || access === '') {
    return "has no access; say who may call it, such as access: 'projects:read'"
  }
  if (access.startsWith('role:') && !(access.slice(5) in policy.roles)) {
    return `access names the role "${access.slice(5)}", which policy.ts does not define`
  }
  if (isPermission(access) && !policy.permissions.includes(access)) {
    return `access "${access}" is not a permission of policy.ts; known: ${policy.permissions.join(', ')}`
  }
  return undefined
}

function baseFault({ access, sends, appCookies }: Route): string | undefined {
  return access === 'base' && (sends !== undefined || appCookies !== undefined)
    ? 'sends a file or a redirect, or has cookies, which a route at APP_HOST cannot; reply with JSON'
    : undefined
}

function assuranceFault(route: Route): string | undefined {
  const { assurance, body, method } = route
  if (!assurance) return undefined
  if (isAnonymous(route) || method === 'GET') {
    return 'has assurance, which is for writes of signed-in members; remove it'
  }
  return body instanceof z.ZodObject && 'current_password' in body.shape
    ? undefined
    : 'has assurance, but its body has no current_password; add it: z.string().min(1).max(1024)'
}

function rowsFault({ access, rows }: Route): string | undefined {
  if (rows === undefined) return undefined
  if (access !== 'public') {
    return "has rows, which is only for public routes; remove it: ctx.db reaches this tenant's rows"
  }
  return rows.trim() === ''
    ? "has rows without a reason; say why a client that is not signed in may reach this tenant's rows"
    : undefined
}

function bodyFault(route: Route): string | undefined {
  if (route.body === undefined || route.media === 'form') return undefined
  return hasOpenInput(route.body)
    ? 'its body accepts unknown fields; write z.strictObject instead of z.object'
    : undefined
}

function replyFault({ reply }: Route): string | undefined {
  if (reply === undefined) return undefined
  if (hasOpenOutput(reply)) {
    return 'its reply may return unlisted fields; write z.object instead of z.looseObject'
  }
  const open = openPartOf(reply)
  return open === undefined
    ? undefined
    : `its reply may return anything${open}; list the fields, or say why not: ` +
        ".meta({ 'x-open': '<why>' })"
}

const hasOpenInput = memoize((schema: z.ZodType) => holdsOpenObject(schema, 'input'))
const hasOpenOutput = memoize((schema: z.ZodType) => holdsOpenObject(schema, 'output'))

function holdsOpenObject(schema: z.ZodType, io: 'input' | 'output'): boolean {
  let found = false
  JSON.stringify(z.toJSONSchema(schema, { io }), (_key, value) => {
    found ||= isOpenObject(value)
    return value
  })
  return found
}

function isOpenObject(value: unknown): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    'properties' in value &&
    'type' in value &&
    value.type === 'object' &&
    !('additionalProperties' in value && value.additionalProperties === false)
  )
}

function auditFault(route: Route): string | undefined {
  // A route without access gets only that fault: a permission would bring an audit name with it.
  // A route at APP_HOST has no tenant, in whose log a row could be.
  if (!route.access || (isAnonymous(route) && route.rows === undefined)) return undefined
  if (route.method === 'GET') return undefined
  if (route.audit === undefined) {
    return "writes without an audit name; add audit: '<noun>.<what happened>'"
  }
  return AUDIT_NAME.test(route.audit)
    ? undefined
    : `its audit name "${route.audit}" is not like "invoices.send"; write audit: '<noun>.<what happened>'`
}

const AUDIT_NAME = /^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$/

function paramsFault(route: Route): string | undefined {
  const named = [...route.path.matchAll(/:(\w+)/g)].map((it) => it[1])
  return named.length > 0 && route.params === undefined
    ? `has the path parameter ":${named[0]}" but no params schema; add params: z.object({ … })`
    : undefined
}

function headersFault({ headers }: Route): string | undefined {
  if (headers === undefined) return undefined
  if (!(headers instanceof z.ZodObject)) {
    return 'its headers are no object; write z.object({ … })'
  }
  const wrong = Object.keys(headers.shape).find((it) => !HEADER_NAME.test(it))
  if (wrong !== undefined) return `has the header "${wrong}"; write its name in lower case`
  const kept = CREDENTIALS.find((it) => it in headers.shape)
  return kept === undefined
    ? undefined
    : `may not read the header "${kept}", which can hold the credentials of a session; remove it`
}

// RFC 9110, 5.1. Node.js gives the names in lower case.
const HEADER_NAME = /^[a-z0-9!#$%&'*+.^_`|~-]+$/
const CREDENTIALS = ['authorization', 'cookie']

function cookiesFault({ appCookies }: Route): string | undefined {
  if (appCookies === undefined) return undefined
  if (!(appCookies instanceof z.ZodObject)) {
    return 'its appCookies are no object; write z.object({ … })'
  }
  const wrong = Object.keys(appCookies.shape).find((it) => !COOKIE_NAME.test(it))
  if (wrong !== undefined) return `has the cookie "${wrong}"; write a name such as "theme"`
  const kept = Object.keys(appCookies.shape).find((it) => it.startsWith('tenantry'))
  return kept === undefined
    ? undefined
    : `has the cookie "${kept}"; names with "tenantry" are the kernel's, choose another`
}

const COOKIE_NAME = /^[a-z][a-z0-9_-]{0,63}$/

function textFault({ params, query, headers, appCookies, body, media }: Route): string | undefined {
  const texts = [params, query, headers, appCookies, media === 'form' ? body : undefined]
  const [field] = texts.flatMap(coercedFields).find(([, type]) => type === 'boolean') ?? []
  return field === undefined
    ? undefined
    : `"${field}" converts the text "false" to true; write z.stringbool() instead of z.coerce.boolean()`
}

function bytesFault({ raw, sends, method }: Route): string | undefined {
  const types = raw?.types ?? (sends?.kind === 'file' ? sends.types : undefined)
  const wrong = types?.find((it) => !MEDIA_TYPE.test(it))
  if (types?.length === 0 || wrong !== undefined) {
    return `has the media type "${wrong ?? ''}"; write such as "text/csv", in lower case, without parameters`
  }
  if (raw !== undefined && (method === 'GET' || !Number.isInteger(raw.max) || raw.max < 1)) {
    return 'has a raw body, which needs a method other than GET and a max in bytes'
  }
  const origin = sends?.kind === 'redirect' ? sends.origins.find((it) => !isOrigin(it)) : undefined
  return origin === undefined
    ? undefined
    : `may redirect to "${origin}", which is no origin; write such as "https://pay.example.com"`
}

function cachedFault({ sends, access, appCookies }: Route): string | undefined {
  const maxAge = sends?.kind === 'file' ? sends.maxAge : undefined
  if (maxAge === undefined) return undefined
  if (access !== 'public' || appCookies !== undefined) {
    return 'sends a file with maxAge, which caches give to anyone: remove it, or make the route public and without cookies'
  }
  return Number.isInteger(maxAge) && maxAge > 0
    ? undefined
    : 'sends a file whose maxAge is no number of seconds'
}

const MEDIA_TYPE = /^[a-z0-9.+-]+\/[a-z0-9.+-]+$/

function isOrigin(given: string): boolean {
  const text = given.replace('{tenant}', 'tenant')
  return /^https?:/.test(text) && URL.canParse(text) && new URL(text).origin === text
}

function duplicates(routes: readonly Route[]): string[] {
  const keys = routes.map((route) => `${route.method} ${route.path.replaceAll(/:\w+/g, ':')}`)
  return keys
    .filter((key, at) => keys.indexOf(key) !== at)
    .map((key) => `${key}: two routes have this path; remove one`)
}
