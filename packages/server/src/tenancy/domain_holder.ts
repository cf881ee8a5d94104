import { type Kysely, sql } from 'kysely'
import type { KernelTables } from '../db/tables.ts'
import type { Database } from '../db/tenancy.ts'

/** The domain of a tenant that a name leads to. */
export interface DomainHolder {
  tenantId: string
  id: string
  name: string
  proof: string
  /** Whether its proof has been gone for the given time. */
  isLate: boolean
}

/** Finds the tenant that a name leads to, whichever it is. Undefined if it leads to none. */
export async function findDomainHolder(
  database: Database,
  name: string,
  lateHours: number,
): Promise<DomainHolder | undefined> {
  return database.asIdentity({ deadline: 'background' }, (db) =>
    db
      .selectFrom('tenantry.domains')
      .select(['tenant_id as tenantId', 'id', 'name', 'proof'])
      .select(
        sql<boolean>`coalesce(
          failing_since <= now() - make_interval(hours => ${lateHours}), false)`.as('isLate'),
      )
      .where('name', '=', name)
      // Written out for the partial index.
      .where(sql<boolean>`state in ('verified', 'failing')`)
      .executeTakeFirst(),
  )
}

/** Those of the names that lead to a tenant that is not being deleted. */
export async function servedOf(database: Database, names: readonly string[]): Promise<Set<string>> {
  const found = await database.asIdentity({ deadline: 'background' }, (db) =>
    served(db).where('d.name', '=', sql<string>`any(${names}::text[])`).execute(),
  )
  return new Set(found.map((it) => it.name))
}

/** All names that lead to a tenant. */
export function servedDomains(database: Database): Promise<{ id: string; name: string }[]> {
  return database.asIdentity({ deadline: 'background' }, (db) =>
    served(db).orderBy('d.id').execute(),
  )
}

// The identity role sees no tenant that is being deleted.
function served(db: Kysely<KernelTables>) {
  return db
    .selectFrom('tenantry.domains as d')
    .innerJoin('tenantry.tenants as t', 't.id', 'd.tenant_id')
    .select(['d.id', 'd.name'])
    .where(sql<boolean>`d.state in ('verified', 'failing')`)
}
