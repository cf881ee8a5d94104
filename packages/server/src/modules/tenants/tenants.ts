import { type Kysely, sql } from 'kysely'
import type { KernelTables } from '../../db/tables.ts'
import { newId } from '../../lib/ids.ts'

export interface NewTenant {
  name: string
  subdomain: string
  code: string
}

/** Creates a tenant; the operators' door only. Throws 409 where subdomain or code is taken. */
export async function createTenant(db: Kysely<KernelTables>, tenant: NewTenant): Promise<string> {
  const id = newId()
  await db
    .insertInto('tenantry.tenants')
    .values({ id, ...tenant })
    .execute()
  return id
}

/** The id of the tenant with this subdomain; undefined where there is none. */
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

/** Every tenant, by subdomain; the operators' door only. */
export function listTenants(db: Kysely<KernelTables>) {
  return db
    .selectFrom('tenantry.tenants')
    .select(['id', 'subdomain', 'name', 'code', 'status', 'rate', 'concurrency', 'created_at'])
    .orderBy('subdomain')
    .execute()
}

/** Closes a tenant to everybody but operators. Gives its id; undefined where there is none. */
export function suspendTenant(db: Kysely<KernelTables>, subdomain: string) {
  return moveTenant(db, subdomain, 'suspended')
}

/** Opens a suspended tenant again. Gives its id; undefined where there is none. */
export function resumeTenant(db: Kysely<KernelTables>, subdomain: string) {
  return moveTenant(db, subdomain, 'active')
}

/** What one node takes for a tenant; null is what it takes for any, undefined leaves it as it is. */
export interface NewLimits {
  rate?: number | null
  concurrency?: number | null
}

/** Sets a tenant's own limits. Gives its id; undefined where there is none. */
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

// A tenant being deleted stays that: neither way leads back.
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
