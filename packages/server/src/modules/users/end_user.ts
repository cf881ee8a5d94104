import { type Kysely, sql } from 'kysely'
import { assertOwnersRemainWithout } from '../../access/owners.ts'
import type { Policy } from '../../app/policy.ts'
import type { KernelTables } from '../../db/tables.ts'

/**
 * Disables a user: the person can sign in to no tenant, and all sessions and links are void. Runs in
 * `acrossTenants` only. Throws 409 for the last owner of a tenant.
 */
export async function disableUser(
  db: Kysely<KernelTables>,
  policy: Policy,
  id: string,
): Promise<void> {
  await assertOwnersRemainWithout(db, policy, id)
  await setActive(db, id, false)
}

/** Lets a disabled user sign in again. Earlier sessions and links stay void. Runs in `acrossTenants` only. */
export async function enableUser(db: Kysely<KernelTables>, id: string): Promise<void> {
  await setActive(db, id, true)
}

/**
 * Deletes a user with all memberships and sessions. The audit logs keep the id. Runs in `acrossTenants` only.
 * Throws 409 for the last owner of a tenant.
 */
export async function deleteUser(
  db: Kysely<KernelTables>,
  policy: Policy,
  id: string,
): Promise<void> {
  await assertOwnersRemainWithout(db, policy, id)
  await db.deleteFrom('tenantry.users').where('id', '=', id).execute()
}

/** The subdomains of the tenants that a user is a member of. Runs in `acrossTenants` only. */
export async function tenantsOfUser(db: Kysely<KernelTables>, id: string): Promise<string[]> {
  const rows = await db
    .selectFrom('tenantry.members as m')
    .innerJoin('tenantry.tenants as t', 't.id', 'm.tenant_id')
    .select('t.subdomain')
    .where('m.user_id', '=', id)
    .orderBy('t.subdomain')
    .execute()
  return rows.map((it) => it.subdomain)
}

async function setActive(db: Kysely<KernelTables>, id: string, is_active: boolean) {
  await db
    .updateTable('tenantry.users')
    // Enabling withdraws a deletion that the person asked for.
    .set({ is_active, ...(is_active && { erase_at: null }), updated_at: sql<string>`now()` })
    .where('id', '=', id)
    .where('is_active', '!=', is_active)
    .execute()
}
