import { checkRoutes } from '../app/check_routes.ts'
import type { App } from '../app/define_app.ts'
import type { Route } from '../app/route.ts'
import { auditLogRoutes } from '../modules/audit_logs/audit_logs.routes.ts'
import { memberRoutes } from '../modules/members/members.routes.ts'
import { passwordResetRoutes } from '../modules/password_resets/password_resets.routes.ts'
import type { ResetDeps } from '../modules/password_resets/password_resets.ts'
import { roleRoutes } from '../modules/roles/roles.routes.ts'
import { sessionRoutes } from '../modules/sessions/sessions.routes.ts'
import { signInRoutes } from '../modules/sessions/sign_in.routes.ts'
import type { SignInDeps } from '../modules/sessions/sign_in_deps.ts'
import { tenantRoutes } from '../modules/tenants/tenants.routes.ts'

/**
 * The kernel's routes, then the app's own, in the order of the OpenAPI document. Throws an OperatorError
 * if the kernel cannot serve a route of the app.
 */
export function allRoutes({ policy, routes }: App, deps: ResetDeps & SignInDeps): Route[] {
  // Checked before the routes are used: an app may start without being compiled.
  checkRoutes(routes, policy)
  const guarded = new Set(routes.map((it) => it.access).filter((it) => it.startsWith('role:')))
  const rules = { policy, guarded }
  return [
    ...tenantRoutes(),
    ...signInRoutes(deps),
    ...passwordResetRoutes(deps),
    ...sessionRoutes(rules),
    ...memberRoutes(rules),
    ...roleRoutes(rules),
    ...auditLogRoutes(),
    ...routes,
  ]
}
