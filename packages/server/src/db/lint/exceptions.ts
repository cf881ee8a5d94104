/** The exceptions of an app, by what they except, each with its reason. */
export interface LintExceptions {
  unprotectedTables?: Readonly<Record<string, string>>
  catalogExceptions?: Readonly<Record<string, string>>
}

// What forced row-level security is not needed for. An app can list more.
const unprotectedTables: Readonly<Record<string, string>> = {
  'tenantry.attempt_counters': "no tenant's data; only the identity role has access",
  'tenantry.platform_logs': "no tenant's data; only the platform role has access",
  'tenantry.kernel_migrations': 'names of migrations; read at the start',
  'tenantry.app_migrations': 'names of migrations; read at the start',
}

const TENANT = "(NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid"

// By rule and subject. A policy's subject includes its condition: another condition is a finding again.
const catalogExceptions: Readonly<Record<string, string>> = {
  'L8 tenantry.domains_pkey':
    'a host name belongs to one tenant only, and only platform admins add one',
  [`L23 tenantry.tenants (app_own_tenant for select) using (id = ${TENANT})`]:
    'the tenant itself: its id is the column id',
  "L23 tenantry.tenants (identity_resolves_tenants for select) using (status = ANY (ARRAY['active'::text, 'suspended'::text]))":
    'the tenant of a host is looked up before it is known',
  'L23 tenantry.domains (identity_resolves_domains for select) using (verified_at IS NOT NULL)':
    'the tenant of a host is looked up before it is known',
  [`L23 tenantry.users (app_own_members for select) using (EXISTS ( SELECT 1 FROM tenantry.members m WHERE ((m.user_id = users.id) AND (m.tenant_id = ${TENANT}))))`]:
    'a user is a member of several tenants',
  'L23 tenantry.users (identity_active_users for select) using is_active':
    'the identity role finds a user by address, in whichever tenant the user signs in',
  'L23 tenantry.users (identity_changes_users for update) using is_active check is_active':
    'a password reset changes the user, who belongs to several tenants',
  "L23 tenantry.members (identity_own_person for select) using (user_id = (NULLIF(current_setting('app.person_id'::text, true), ''::text))::uuid)":
    'an act on a person is recorded in each tenant of that person',
}

/** Whether the kernel or the app excepts a finding. */
export function isExcepted(rule: string, subject: string, app: LintExceptions): boolean {
  if (`${rule} ${subject}` in { ...catalogExceptions, ...app.catalogExceptions }) return true
  if (rule !== 'L13' && rule !== 'L17') return false
  return subject in { ...unprotectedTables, ...inPublic(app.unprotectedTables ?? {}) }
}

// An app's tables are in schema public, which the list may omit.
function inPublic(allowed: Readonly<Record<string, string>>): Record<string, string> {
  const qualified = Object.entries(allowed).map(([name, reason]) => [
    name.includes('.') ? name : `public.${name}`,
    reason,
  ])
  return Object.fromEntries(qualified)
}
