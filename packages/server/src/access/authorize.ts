import type { Actor } from '../app/context.ts'
import type { Route } from '../app/route.ts'
import { AppError } from '../lib/errors.ts'

/**
 * May this actor use this route? A permission or `role:<name>` must be among what they hold. Throws
 * 403 in the route's own words.
 */
export function authorize({ access, denial }: Route, actor: Actor): void {
  if (access !== 'member' && !actor.permissions.has(access)) {
    throw new AppError('forbidden', 'access.denied', denial)
  }
}
