import { ownerRoleOf } from '../access/owners.ts'
import { checkRoutes } from '../app/check_routes.ts'
import type { App } from '../app/define_app.ts'
import type { Route } from '../app/route.ts'
import { accountRoutes } from '../modules/account/account.routes.ts'
import { auditLogRoutes } from '../modules/audit_logs/audit_logs.routes.ts'
import { domainRoutes } from '../modules/domains/domains.routes.ts'
import { emailChangeRoutes } from '../modules/email_changes/email_changes.routes.ts'
import { handOverRoutes } from '../modules/hand_overs/hand_overs.routes.ts'
import { installationRoutes } from '../modules/installation/installation.routes.ts'
import { invitationRoutes } from '../modules/invitations/invitations.routes.ts'
import { memberRoutes } from '../modules/members/members.routes.ts'
import { passwordResetRoutes } from '../modules/password_resets/password_resets.routes.ts'
import type { ResetDeps } from '../modules/password_resets/password_resets.ts'
import { roleRoutes } from '../modules/roles/roles.routes.ts'
import { sessionRoutes } from '../modules/sessions/sessions.routes.ts'
import { signInRoutes } from '../modules/sessions/sign_in.routes.ts'
import type { SignInDeps } from '../modules/sessions/sign_in_deps.ts'
import { signUpRoutes } from '../modules/sign_ups/sign_ups.routes.ts'
import { subdomainRoutes } from '../modules/subdomains/subdomains.routes.ts'
import { subdomainRules } from '../modules/subdomains/subdomains.ts'
import { tenantReminderRoutes } from '../modules/tenant_reminders/tenant_reminders.routes.ts'
import { tenantRoutes } from '../modules/tenants/tenants.routes.ts'

/**
 * The kernel's routes, then the app's own, in the order of the OpenAPI document. Throws an OperatorError
 * if the kernel cannot serve a route of the app.
 */
export function allRoutes(app: App, deps: ResetDeps & SignInDeps): Route[] {
  const { policy, routes } = app
  // Checked before the routes are used: an app may start without being compiled.
  checkRoutes(routes, policy)
  const guarded = new Set(routes.map((it) => it.access).filter((it) => it.startsWith('role:')))
  const rules = { policy, guarded }
  return [
    ...tenantRoutes(deps.config),
    ...routesOfAppHost(app, deps),
    ...signInRoutes(deps),
    ...passwordResetRoutes(deps),
    ...accountRoutes({ ...deps, policy }),
    ...emailChangeRoutes(deps),
    ...sessionRoutes(rules),
    ...memberRoutes(rules),
    ...handOverRoutes(deps),
    ...invitationRoutes({ ...deps, rules }),
    ...roleRoutes(rules),
    ...domainRoutes(deps),
    ...auditLogRoutes(),
    ...routes,
  ]
}

// What belongs to no tenant.
function routesOfAppHost(app: App, deps: ResetDeps & SignInDeps): Route[] {
  const subdomains = subdomainRules(app, deps.config)
  const ownerRole = ownerRoleOf(app.policy)
  const { tenantCreated } = app
  return [
    ...installationRoutes(app, { ...deps, ownerRole }),
    ...subdomainRoutes({ ...deps, subdomains }),
    ...tenantReminderRoutes(deps),
    ...signUpRoutes({ ...deps, subdomains, ownerRole, tenantCreated }),
  ]
}
