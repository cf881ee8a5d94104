import type { Actor } from '../app/context.ts'
import type { Route } from '../app/route.ts'
import { AppError } from '../lib/errors.ts'

/**
 * Checks that the actor holds the permission or the `role:<name>` that the route requires. Throws 403
 * with the route's `denial` as its detail.
 */
export function authorize({ access, denial }: Route, actor: Actor): void {
  if (access !== 'member' && !actor.permissions.has(access)) {
    throw new AppError('forbidden', 'access.denied', denial)
  }
}
