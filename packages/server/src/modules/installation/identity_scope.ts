import type { Kysely } from 'kysely'
import type { KernelTables } from '../../db/tables.ts'

/** The identity scope that is stored in the database. Runs in `acrossTenants` or `asIdentity`. */
export async function identityScopeOf(db: Kysely<KernelTables>): Promise<'global' | 'tenant'> {
  const { identity_scope } = await db
    .selectFrom('tenantry.installation')
    .select('identity_scope')
    .executeTakeFirstOrThrow()
  return identity_scope
}
