import { type Kysely, type RawBuilder, sql } from 'kysely'
import type { TenantBranding } from '../../app/context.ts'
import type { KernelTables } from '../../db/tables.ts'
import { newId } from '../../lib/ids.ts'

export interface NewTenant {
  name: string
  subdomain: string
  code: string
}

/** Creates a tenant. Runs in `acrossTenants` only. Throws 409 if the subdomain or code is taken. */
export async function createTenant(db: Kysely<KernelTables>, tenant: NewTenant): Promise<string> {
  const id = newId()
  await db
    .insertInto('tenantry.tenants')
    .values({ id, ...tenant })
    .execute()
  return id
}

/**
 * Adds the tenant of a transaction of `asIdentity`, which has its id. Of the two codes it gets the first, or the
 * other one if another tenant has that. Throws 409 if the subdomain is taken.
 */
export async function addOwnTenant(
  db: Kysely<KernelTables>,
  { code, ...tenant }: Omit<NewTenant, 'code'> & { id: string; code: [string, string] },
): Promise<void> {
  const insert = (code: string) =>
    db
      .insertInto('tenantry.tenants')
      .values({ ...tenant, code })
      .returning('id')
  const made = await insert(code[0])
    .onConflict((it) => it.column('code').doNothing())
    .executeTakeFirst()
  if (made === undefined) await insert(code[1]).execute()
}

/** A tenant of a person, with the names that lead there. */
export interface Workspace {
  id: string
  name: string
  subdomain: string
  domains: string[]
  /** Null while it fails. */
  primary_domain: string | null
}

/** The active tenants of which a person is an active member, by name, through `asIdentity`. */
export async function workspacesOf(db: Kysely<KernelTables>, userId: string): Promise<Workspace[]> {
  const { rows } = await sql<Workspace>`
    select id, name, subdomain, domains, primary_domain
    from tenantry.workspaces_of_person(${userId})`.execute(db)
  return rows
}

/** The subdomain of an active tenant, through `asIdentity`. */
export async function subdomainOf(
  db: Kysely<KernelTables>,
  id: string,
): Promise<string | undefined> {
  const row = await db
    .selectFrom('tenantry.tenants')
    .select('subdomain')
    .where('id', '=', id)
    .where('status', '=', 'active')
    .executeTakeFirst()
  return row?.subdomain
}

/** The id of the tenant with this subdomain, if there is one. */
export async function findTenantId(
  db: Kysely<KernelTables>,
  subdomain: string,
): Promise<string | undefined> {
  return (await tenantOn(db, subdomain).executeTakeFirst())?.id
}

/** The query of the tenant with this subdomain. */
export function tenantOn(db: Kysely<KernelTables>, subdomain: string | RawBuilder<string>) {
  return db.selectFrom('tenantry.tenants').select('id').where('subdomain', '=', subdomain)
}

/** The realm of a tenant's users. Runs in `acrossTenants` only. */
export async function realmOfTenant(db: Kysely<KernelTables>, id: string): Promise<string> {
  const { realm_id } = await db
    .selectFrom('tenantry.tenants')
    .select('realm_id')
    .where('id', '=', id)
    .executeTakeFirstOrThrow()
  return realm_id
}

/** All tenants, by subdomain. Runs in `acrossTenants` only. */
export function listTenants(db: Kysely<KernelTables>) {
  return db
    .selectFrom('tenantry.tenants')
    .select(['id', 'subdomain', 'name', 'code', 'status', 'rate', 'concurrency', 'created_at'])
    .orderBy('subdomain')
    .execute()
}

/** One tenant, with the number of its members. Runs in `acrossTenants` only. */
export function findTenant(db: Kysely<KernelTables>, subdomain: string) {
  return db
    .selectFrom('tenantry.tenants as t')
    .select(['t.id', 't.subdomain', 't.name', 't.code', 't.status', 't.rate', 't.concurrency'])
    .select([
      't.created_at',
      sql<number>`(
      select count(*)::int from tenantry.members m where m.tenant_id = t.id)`.as('members'),
    ])
    .where('t.subdomain', '=', subdomain)
    .executeTakeFirst()
}

/** Changes the display name of a tenant. Runs in `acrossTenants` only. */
export async function renameTenant(
  db: Kysely<KernelTables>,
  id: string,
  name: string,
): Promise<void> {
  await db
    .updateTable('tenantry.tenants')
    .set({ name, updated_at: sql<string>`now()` })
    .where('id', '=', id)
    .execute()
}

/** The members of a tenant, by address. Runs in `acrossTenants` only. */
export function membersOfTenant(db: Kysely<KernelTables>, id: string) {
  return db
    .selectFrom('tenantry.members as m')
    .innerJoin('tenantry.users as u', 'u.id', 'm.user_id')
    .select(['u.email', 'u.full_name', 'm.is_active', 'u.is_active as can_sign_in'])
    .select(
      sql<string[]>`array(
      select mr.role from tenantry.member_roles mr
      where mr.tenant_id = m.tenant_id and mr.user_id = m.user_id order by mr.role)`.as('roles'),
    )
    .where('m.tenant_id', '=', id)
    .orderBy('m.email_key')
    .execute()
}

/** Suspends a tenant: its API answers 403. Returns its id, if it exists. */
export function suspendTenant(db: Kysely<KernelTables>, subdomain: string) {
  return moveTenant(db, subdomain, 'suspended')
}

/** Resumes a suspended tenant. Returns its id, if it exists. */
export function resumeTenant(db: Kysely<KernelTables>, subdomain: string) {
  return moveTenant(db, subdomain, 'active')
}

/** A tenant's own limits, per node. Null restores the default; undefined keeps the current value. */
export interface NewLimits {
  rate?: number | null
  concurrency?: number | null
}

/** Sets a tenant's own limits. Returns its id, if it exists. */
export async function limitTenant(
  db: Kysely<KernelTables>,
  subdomain: string,
  limits: NewLimits,
): Promise<string | undefined> {
  const limited = await db
    .updateTable('tenantry.tenants')
    .set({ ...limits, updated_at: sql<string>`now()` })
    .where('subdomain', '=', subdomain)
    .returning('id')
    .executeTakeFirst()
  return limited?.id
}

/** Parts of a tenant's branding. Null removes a part; undefined keeps it. */
export type NewBranding = { [Part in keyof TenantBranding]?: TenantBranding[Part] | null }

/** The column `branding` with these changes. */
export function mergedBranding(changes: NewBranding): RawBuilder<string> {
  return sql`jsonb_strip_nulls(branding || ${JSON.stringify(changes)}::jsonb)`
}

/** Sets parts of a tenant's branding. Returns its id, if it exists. */
export async function brandTenant(
  db: Kysely<KernelTables>,
  subdomain: string,
  changes: NewBranding,
): Promise<string | undefined> {
  const branded = await db
    .updateTable('tenantry.tenants')
    .set({ branding: mergedBranding(changes), updated_at: sql<string>`now()` })
    .where('subdomain', '=', subdomain)
    .returning('id')
    .executeTakeFirst()
  return branded?.id
}

// A tenant that is being deleted is matched by neither: a deletion cannot be reversed.
async function moveTenant(
  db: Kysely<KernelTables>,
  subdomain: string,
  status: 'active' | 'suspended',
): Promise<string | undefined> {
  const moved = await db
    .updateTable('tenantry.tenants')
    .set({ status, updated_at: sql<string>`now()` })
    .where('subdomain', '=', subdomain)
    .where('status', 'in', ['active', 'suspended'])
    .returning('id')
    .executeTakeFirst()
  return moved?.id
}
