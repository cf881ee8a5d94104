import { z } from 'zod'
import { OperatorError } from '../lib/operator_error.ts'
import { openPartOf } from './open_schema.ts'
import type { Policy } from './policy.ts'
import { isPermission, type Route } from './route.ts'
import { coercedFields } from './zod_coercion.ts'

/**
 * Rejects, at start, routes that JavaScript or a cast brought past the compiler: unknown access, a body
 * that accepts unknown fields, a reply that may return unlisted fields, a write without an audit name,
 * path parameters without a schema, text coerced to a boolean, two routes for one path. Throws one error
 * that lists every fault with its fix.
 */
export function checkRoutes(routes: readonly Route[], policy: Policy): void {
  const checks = [accessFault, rowsFault, bodyFault, replyFault, auditFault, paramsFault, textFault]
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
  return holdsOpenObject(route.body, 'input')
    ? 'its body accepts unknown fields; write z.strictObject instead of z.object'
    : undefined
}

function replyFault({ reply }: Route): string | undefined {
  if (reply === undefined) return undefined
  if (holdsOpenObject(reply, 'output')) {
    return 'its reply may return unlisted fields; write z.object instead of z.looseObject'
  }
  const open = openPartOf(reply)
  return open === undefined
    ? undefined
    : `its reply may return anything${open}; list the fields, or say why not: ` +
        ".meta({ 'x-open': '<why>' })"
}

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
  if (!route.access || (route.access === 'public' && route.rows === undefined)) return undefined
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

function textFault({ params, query, body, media }: Route): string | undefined {
  const texts = [params, query, media === 'form' ? body : undefined]
  const [field] = texts.flatMap(coercedFields).find(([, type]) => type === 'boolean') ?? []
  return field === undefined
    ? undefined
    : `"${field}" converts the text "false" to true; write z.stringbool() instead of z.coerce.boolean()`
}

function duplicates(routes: readonly Route[]): string[] {
  const keys = routes.map((route) => `${route.method} ${route.path.replaceAll(/:\w+/g, ':')}`)
  return keys
    .filter((key, at) => keys.indexOf(key) !== at)
    .map((key) => `${key}: two routes have this path; remove one`)
}
