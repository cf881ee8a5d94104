import type { Kysely } from 'kysely'
import type { KernelTables } from '../../db/tables.ts'
import { newId } from '../../ids.ts'

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
