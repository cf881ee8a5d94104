import { type Kysely, type RawBuilder, sql } from 'kysely'
import type { Config } from '../../config/config.ts'
import type { KernelTables } from '../../db/tables.ts'
import type { Database } from '../../db/tenancy.ts'

/** Sets how long the names that this transaction frees are held. */
export async function holdNames(
  db: Kysely<KernelTables>,
  { HELD_NAME_DAYS: days }: Pick<Config, 'HELD_NAME_DAYS'>,
): Promise<void> {
  await sql`select tenantry.hold_names(${days})`.execute(db)
}

/** A query that returns a row if another tenant had a subdomain until lately. */
export function heldSubdomain(db: Kysely<KernelTables>, subdomain: string | RawBuilder<string>) {
  return held(db, 'subdomain', subdomain)
}

/** The proofs of other tenants that had a custom domain until lately. */
export async function heldProofs(
  database: Database,
  { name, tenantId }: { name: string; tenantId: string },
): Promise<(string | null)[]> {
  const rows = await database.asIdentity({ deadline: 'background' }, (db) =>
    held(db, 'domain', name)
      .where('tenant_digest', '<>', sql<string>`tenantry.name_digest(${tenantId})`)
      .execute(),
  )
  return rows.map((it) => it.proof)
}

/** Frees a held subdomain. Returns whether it was held. Runs in `acrossTenants` only. */
export async function releaseSubdomain(
  db: Kysely<KernelTables>,
  subdomain: string,
): Promise<boolean> {
  const released = await db
    .deleteFrom('tenantry.held_names')
    .where('kind', '=', 'subdomain')
    .where('name_digest', '=', sql<string>`tenantry.name_digest(${subdomain})`)
    .where('held_until', '>', sql<string>`now()`)
    .returning('kind')
    .execute()
  return released.length > 0
}

function held(
  db: Kysely<KernelTables>,
  kind: 'subdomain' | 'domain',
  name: string | RawBuilder<string>,
) {
  return db
    .selectFrom('tenantry.held_names')
    .select('proof')
    .where('kind', '=', kind)
    .where('name_digest', '=', sql<string>`tenantry.name_digest(${name})`)
    .where('held_until', '>', sql<string>`now()`)
}
