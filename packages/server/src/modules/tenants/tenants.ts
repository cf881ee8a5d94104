import { type Kysely, sql } from 'kysely'
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

/** The id of the tenant with this subdomain, if there is one. */
export async function findTenantId(
  db: Kysely<KernelTables>,
  subdomain: string,
): Promise<string | undefined> {
  const row = await db
    .selectFrom('tenantry.tenants')
    .select('id')
    .where('subdomain', '=', subdomain)
    .executeTakeFirst()
  return row?.id
}

/** All tenants, by subdomain. Runs in `acrossTenants` only. */
export function listTenants(db: Kysely<KernelTables>) {
  return db
    .selectFrom('tenantry.tenants')
    .select(['id', 'subdomain', 'name', 'code', 'status', 'rate', 'concurrency', 'created_at'])
    .orderBy('subdomain')
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
