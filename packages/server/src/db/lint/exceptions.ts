import type { Route } from '../../app/route.ts'

/** The exceptions of an app, by what they except, each with its reason. */
export interface LintExceptions {
  /** Its routes: their lists need indexes. */
  routes?: readonly Route[]
  unprotectedTables?: Readonly<Record<string, string>>
  catalogExceptions?: Readonly<Record<string, string>>
}

// What forced row-level security is not needed for. An app can list more.
export const unprotectedTables: Readonly<Record<string, string>> = {
  'tenantry.attempt_counters': "no tenant's data; only the identity role has access",
  'tenantry.installation': "no tenant's data; only the owner can change it",
  'tenantry.sign_ups': "no tenant's data; only the identity role has access",
  'tenantry.installation_mails': "no tenant's data; only the identity role has access",
  'tenantry.held_names':
    "no tenant's data, but hashes of names; only the platform role can delete one",
  'tenantry.schedules': "no tenant's data; only the jobs role has access",
  'tenantry.platform_logs': "no tenant's data; only the platform role has access",
  'tenantry.kernel_migrations': 'names of migrations; read at the start',
  'tenantry.app_migrations': 'names of migrations; read at the start',
}

const TENANT = "(NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid"

const OWN_TENANT = `(tenant_id = ${TENANT})`

// As citus_plan.ts writes it, and pg_get_expr shows it.
const CURRENT_TIME = `(abs(EXTRACT(epoch FROM (created_at - clock_timestamp()))) < (60)::numeric) AND (abs(((EXTRACT(epoch FROM clock_timestamp()) * (1000)::numeric) - (((('x'::text || "left"(replace((id)::text, '-'::text, ''::text), 12)))::bit(48))::bigint)::numeric)) < (60000)::numeric)`

// By rule and subject. A policy's subject includes its condition: another condition is a finding again.
export const catalogExceptions: Readonly<Record<string, string>> = {
  'L8 tenantry.domains_live_name_key':
    'a host name leads to one tenant; only who controls its DNS gets as far as the conflict',
  [`L23 tenantry.tenants (app_own_tenant for select) using (id = ${TENANT})`]:
    'the tenant itself: its id is the column id',
  [`L23 tenantry.tenants (app_changes_own_tenant for update) using (id = ${TENANT}) check (id = ${TENANT})`]:
    'the tenant itself: its id is the column id',
  "L23 tenantry.tenants (identity_resolves_tenants for select) using (status = ANY (ARRAY['active'::text, 'suspended'::text]))":
    'the tenant of a host is looked up before it is known',
  [`L23 tenantry.tenants (identity_creates_tenants for insert) check ((id = ${TENANT}) AND (status = 'active'::text))`]:
    'who signs up gets a tenant; its id is the column id',
  [`L23 tenantry.domains (identity_live_or_own_domains for select) using ((state = ANY (ARRAY['verified'::text, 'failing'::text])) OR (tenant_id = ${TENANT}))`]:
    'the tenant of a host is looked up before it is known',
  [`L23 tenantry.users (app_own_members for select) using (EXISTS ( SELECT 1 FROM tenantry.members m WHERE ((m.user_id = users.id) AND (m.tenant_id = ${TENANT}))))`]:
    'a user is a member of several tenants',
  "L23 tenantry.users (identity_active_users for select) using (is_active OR (id = (NULLIF(current_setting('app.person_id'::text, true), ''::text))::uuid))":
    'the identity role finds a user by address, in whichever tenant the user signs in',
  "L23 tenantry.users (identity_changes_users for update) using is_active check (is_active OR (erase_at >= (now() + '1 day'::interval)))":
    'a password reset changes the user, who belongs to several tenants',
  'L18 tenantry.single_use_secrets (single_use_secrets_user_id_fkey)':
    'users are deleted rarely; with this index, PostgreSQL would read the secrets of a tenant by it',
  'L3 tenantry.jobs (jobs_all_tenants)': 'a worker takes jobs of all tenants; they hold ids only',
  'L23 tenantry.jobs (jobs_all_tenants for all) using true check true':
    'a worker takes jobs of all tenants; they hold ids only',
  'L3 tenantry.tenants (jobs_tenant_status)': 'a worker runs no job of a suspended tenant',
  'L23 tenantry.tenants (jobs_tenant_status for select) using true':
    'a worker runs no job of a suspended tenant',
  [`L23 tenantry.members (identity_own_tenant_or_person for select) using ((tenant_id = ${TENANT}) OR (user_id = (NULLIF(current_setting('app.person_id'::text, true), ''::text))::uuid))`]:
    'an act on a person is recorded in each tenant of that person',
  "L23 tenantry.users (identity_adds_users for insert) check (is_active AND (NULLIF(current_setting('app.tenant_id'::text, true), ''::text) IS NOT NULL))":
    'who accepts an invitation gets a user, who can belong to several tenants',
  'L23 tenantry.users (identity_erases_users for delete) using ((NOT is_active) AND (erase_at <= now()))':
    'a person who deleted their account belonged to several tenants',
  'L3 tenantry.retained_logs (owner_retains)':
    'lets the owner add rows, as which only the trigger retain_log runs; no role can change one',
  'L19 tenantry.retain_log()':
    'a trigger without an input: it copies the row of the log that the platform role deletes',
  'L19 tenantry.hold_name()':
    'a trigger without an input: it holds the name of the row that is deleted, as which no role may add one',
  "L23 tenantry.members (identity_renames_person for update) using (user_id = (NULLIF(current_setting('app.person_id'::text, true), ''::text))::uuid) check (user_id = (NULLIF(current_setting('app.person_id'::text, true), ''::text))::uuid)":
    'the name of a person is repeated in each of their members',
}

// What `tenantry scale citus` changes.
const onCitus: Readonly<Record<string, string>> = {
  [`L23 tenantry.audit_logs (app_own_tenant for all) using ${OWN_TENANT} check (${OWN_TENANT} AND ${CURRENT_TIME})`]:
    'on Citus a row of the log gets its id and time from the coordinator, which the policy bounds',
  [`L23 tenantry.audit_logs (identity_own_tenant for insert) check (${OWN_TENANT} AND ${CURRENT_TIME})`]:
    'on Citus a row of the log gets its id and time from the coordinator, which the policy bounds',
}

/** Whether the kernel or the app excepts a finding. An exception without a reason excepts nothing. */
export function isExcepted(rule: string, subject: string, app: LintExceptions): boolean {
  return (
    excepts({ unprotectedTables, catalogExceptions }, rule, subject) ||
    excepts({ catalogExceptions: onCitus }, rule, subject) ||
    excepts(app, rule, subject)
  )
}

/** Whether the app lists a table, which regclass or a schema names, as unprotected. */
export function isUnprotected(table: string, app: LintExceptions): boolean {
  return Object.keys(app.unprotectedTables ?? {}).some((it) => inSchema(it) === inSchema(table))
}

/**
 * The exceptions of `app` that have no reason or that excuse no finding, a line for each. One that excuses
 * nothing would excuse a later finding that its author has never seen.
 */
export function exceptionFaults(
  findings: readonly { rule: { id: string }; subject: string }[],
  app: LintExceptions,
): string[] {
  const lists = Object.entries(app).filter(
    ([name]) => name in { unprotectedTables, catalogExceptions },
  )
  return lists.flatMap(([list, entries]: [string, Readonly<Record<string, string>>]) =>
    Object.entries(entries).flatMap(([key, reason]) => {
      const line = (fault: string) => [`${list} '${key}': ${fault}`]
      if (reason.trim() === '') return line('this exception has no reason; give one')
      const only = { [list]: { [key]: reason } }
      return findings.some(({ rule, subject }) => excepts(only, rule.id, subject))
        ? []
        : line('this exception excuses nothing; remove it')
    }),
  )
}

function excepts(lists: LintExceptions, rule: string, subject: string): boolean {
  if (hasReason(lists.catalogExceptions?.[`${rule} ${subject}`])) return true
  if (rule !== 'L13' && rule !== 'L17') return false
  const entries = Object.entries(lists.unprotectedTables ?? {})
  return entries.some(([name, reason]) => inSchema(name) === subject && hasReason(reason))
}

function hasReason(reason: string | undefined): boolean {
  return reason !== undefined && reason.trim() !== ''
}

// An app's tables are in schema public, which the list may omit.
function inSchema(table: string): string {
  return table.includes('.') ? table : `public.${table}`
}
