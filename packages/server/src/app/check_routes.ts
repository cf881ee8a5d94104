import { z } from 'zod'
import { OperatorError } from '../lib/operator_error.ts'
import { coercedFields } from '../lib/zod_coercion.ts'
import type { Policy } from './policy.ts'
import { isPermission, type Route } from './route.ts'

/**
 * Refuses to boot with a route that the compiler was talked out of checking: unknown access, a body
 * that lets unknown fields in, a reply that lets unlisted ones out, a write without an audit name,
 * path parameters without a schema, text taken for a boolean, two routes for one path.
 * Throws one error that lists every fault, each naming its fix.
 */
export function checkRoutes(routes: readonly Route[], policy: Policy): void {
  const checks = [accessFault, rowsFault, bodyFault, replyFault, auditFault, paramsFault, textFault]
  const faults = routes.flatMap((route) =>
    checks
      .map((check) => check(route, policy))
      .filter((it) => it !== undefined)
      .map((fault) => `${route.method} ${route.path}: ${fault}`),
  )
  faults.push(...doubles(routes))
  if (faults.length > 0) throw new OperatorError(`bad routes:\n  ${faults.join('\n  ')}`)
}

function accessFault({ access }: Route, policy: Policy): string | undefined {
  // The compiler requires it; JavaScript and casts do not.
  if (typeof access !== 'string' || access === '') {
    return "has no access; say who may call it, such as access: 'projects:read'"
  }
  if (access.startsWith('role:') && !(access.slice(5) in policy.roles)) {
    return `access names the role "${access.slice(5)}", which policy.ts does not define`
  }
  if (isPermission(access) && !policy.permissions.includes(access)) {
    return `access "${access}" is no permission of policy.ts; known: ${policy.permissions.join(', ')}`
  }
  return undefined
}

function rowsFault({ access, rows }: Route): string | undefined {
  if (rows === undefined) return undefined
  if (access !== 'public') {
    return "has rows, which is for public routes; take it away: ctx.db reaches this tenant's rows"
  }
  return rows.trim() === ''
    ? "has rows without a reason; say why a client that is not signed in may reach this tenant's rows"
    : undefined
}

function bodyFault(route: Route): string | undefined {
  if (route.body === undefined || route.media === 'form') return undefined
  return holdsOpenObject(route.body, 'input')
    ? 'its body lets unknown fields in; write z.strictObject instead of z.object'
    : undefined
}

function replyFault({ reply }: Route): string | undefined {
  return reply !== undefined && holdsOpenObject(reply, 'output')
    ? 'its reply lets unlisted fields out; write z.object instead of z.looseObject'
    : undefined
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
  // Without access that alone is said: a permission brings an audit name with it.
  if (!route.access || (route.access === 'public' && route.rows === undefined)) return undefined
  if (route.method === 'GET' || route.audit !== undefined) return undefined
  return "changes something without an audit name; add audit: '<noun>.<what happened>'"
}

function paramsFault(route: Route): string | undefined {
  const named = [...route.path.matchAll(/:(\w+)/g)].map((it) => it[1])
  return named.length > 0 && route.params === undefined
    ? `has the path parameter ":${named[0]}" and no params schema`
    : undefined
}

function textFault({ params, query, body, media }: Route): string | undefined {
  const texts = [params, query, media === 'form' ? body : undefined]
  const [field] = texts.flatMap(coercedFields).find(([, type]) => type === 'boolean') ?? []
  return field === undefined
    ? undefined
    : `"${field}" takes the text "false" for true; write z.stringbool() instead of z.coerce.boolean()`
}

function doubles(routes: readonly Route[]): string[] {
  const keys = routes.map((route) => `${route.method} ${route.path.replaceAll(/:\w+/g, ':')}`)
  return keys
    .filter((key, at) => keys.indexOf(key) !== at)
    .map((key) => `${key}: two routes have this path; remove one`)
}
