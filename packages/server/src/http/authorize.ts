import type { Actor } from '../context.ts'
import { AppError } from '../errors.ts'
import type { Route } from './route.ts'

/** May this actor use this route? Throws 403 in the route's own words. */
export function authorize(route: Route, actor: Actor): void {
  if (!allows(route.access, actor)) {
    throw new AppError('forbidden', 'access.denied', route.denial)
  }
}

function allows(access: string, actor: Actor): boolean {
  if (access === 'member') return true
  if (access.startsWith('role:')) return actor.roles.includes(access.slice('role:'.length))
  return actor.permissions.has(access)
}
