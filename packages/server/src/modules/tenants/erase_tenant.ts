import { type Kysely, sql } from 'kysely'
import type { KernelTables } from '../../db/tables.ts'
import { dependencyOrder } from '../../lib/dependency_order.ts'
import { deleteUsersOf } from '../users/users.ts'

/** The rows that an erasure deleted from one table, or the users that belonged to this tenant alone. */
export interface ErasedRows {
  table: string
  rows: number
}

/** Runs work in a transaction of the platform role. */
export type InPlatform = <T>(work: (db: Kysely<KernelTables>) => Promise<T>) => Promise<T>

const BATCH_ROWS = 5_000
// A request or a job that began before the deletion may still write for a short time.
const MAX_PASSES = 3

/**
 * Marks a suspended tenant as being deleted: from now on every server answers as if it did not exist, and no
 * command leads back. Returns whether it was suspended, or already marked. Runs in `acrossTenants` only.
 */
export async function markDeleting(db: Kysely<KernelTables>, id: string): Promise<boolean> {
  const marked = await db
    .updateTable('tenantry.tenants')
    .set({ status: 'deleting', updated_at: sql<string>`now()` })
    .where('id', '=', id)
    .where('status', 'in', ['suspended', 'deleting'])
    .returning('id')
    .executeTakeFirst()
  return marked !== undefined
}

/**
 * Deletes all rows of a tenant that is marked, then the tenant, and returns how many rows of which table. The
 * audit log moves to `retained_logs`, or stays where no role may delete from it (on Citus). Users without
 * another tenant are deleted, too. Each batch is a transaction: after an interruption another call continues.
 * Throws if another process keeps writing rows.
 */
export async function eraseTenant(inPlatform: InPlatform, id: string): Promise<ErasedRows[]> {
  const tables = await inPlatform(tablesOfTenants)
  const erased = new Map<string, number>()
  for (let pass = 0; pass < MAX_PASSES; pass++) {
    const rows = await erasePass(inPlatform, tables, id, erased)
    if (rows === 0) break
  }
  await inPlatform((db) => db.deleteFrom('tenantry.tenants').where('id', '=', id).execute())
  return [...erased].map(([table, rows]) => ({ table, rows }))
}

async function erasePass(
  inPlatform: InPlatform,
  tables: TenantTable[],
  id: string,
  erased: Map<string, number>,
): Promise<number> {
  let total = 0
  const count = async (table: string, batch: (db: Kysely<KernelTables>) => Promise<number>) => {
    const rows = await untilEmpty(() => inPlatform(batch))
    if (rows > 0) erased.set(table, (erased.get(table) ?? 0) + rows)
    total += rows
  }
  // Users first: their deletion adds to the log, which moves only then.
  await count('tenantry.users', (db) => deleteUsersOf(db, id, BATCH_ROWS))
  for (const table of tables) await count(table.name, (db) => deleteRows(db, table, id))
  return total
}

async function untilEmpty(batch: () => Promise<number>): Promise<number> {
  let total = 0
  for (;;) {
    const rows = await batch()
    total += rows
    if (rows < BATCH_ROWS) return total
  }
}

async function deleteRows(
  db: Kysely<KernelTables>,
  { name, inBatches }: TenantTable,
  id: string,
): Promise<number> {
  const table = sql.table(name)
  if (!inBatches) await sql`set local statement_timeout = '1h'`.execute(db)
  const batch = sql`and ctid = any(array(
    select ctid from ${table} where tenant_id = ${id} limit ${BATCH_ROWS}))`
  const { numAffectedRows } = await sql`
    delete from ${table} where tenant_id = ${id} ${inBatches ? batch : sql``}`.execute(db)
  return Number(numAffectedRows ?? 0)
}

interface TenantTable {
  name: string
  /**
   * False where rows refer to each other: they leave in one statement, which checks its keys at its end. False
   * where a column may not be read: `ctid` then neither.
   */
  inBatches: boolean
}

interface CatalogTable extends TenantTable {
  referrers: string[]
}

/** The tables with rows of tenants, referring ones first: of the kernel, and of the app. */
async function tablesOfTenants(db: Kysely<KernelTables>): Promise<TenantTable[]> {
  const { rows } = await sql<CatalogTable>`
    with tenant_tables as (
      select c.oid, n.nspname || '.' || c.relname as name
      from pg_class c
      join pg_namespace n on n.oid = c.relnamespace
      join pg_policy p on p.polrelid = c.oid and p.polname = 'platform_all_tenants'
      join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped
      where c.relkind in ('r', 'p') and not c.relispartition)
    select t.name,
      has_table_privilege(t.oid, 'select') and not exists (select from pg_constraint k
        where k.contype = 'f' and k.conrelid = t.oid and k.confrelid = t.oid) as "inBatches",
      array(select r.name from pg_constraint k join tenant_tables r on r.oid = k.conrelid
        where k.contype = 'f' and k.confrelid = t.oid and k.conrelid <> t.oid) as referrers
    from tenant_tables t where has_table_privilege(t.oid, 'delete') order by t.name`.execute(db)
  // Tables that refer to each other in a circle have deferrable keys, or no order helps.
  return dependencyOrder(rows, ({ referrers }, { name }) => referrers.includes(name))
}
