import type { PooledConnection } from './connection.ts'
import { type DatabaseError, isDatabaseError } from './errors.ts'

/** A foreign key, as read from the catalog. */
interface ForeignKey {
  /** The referenced table. */
  parent: string
  /** The referencing columns, without the tenant's. */
  columns: string[]
}

/**
 * Adds to the error of a violated foreign key the columns that refer to no row. With row-level security
 * PostgreSQL does not name them, so they are read from the catalog, after the transaction has ended. The
 * error of a row that cannot be deleted, because others refer to it, gets no columns.
 */
export async function addMissingReference(client: PooledConnection, error: unknown): Promise<void> {
  if (!isDatabaseError(error) || error.code !== '23503') return
  const values = [error.constraint, error.schema, error.table]
  const { rows } = await client.run({ text: foreignKeySql, values, queryMode: 'extended' })
  const [key]: ForeignKey[] = rows
  if (key === undefined || key.columns.length === 0) return
  if (!isStillReferenced(error, key.parent)) error.missing = key.columns
}

/**
 * Did a change of the parent's row violate the constraint? The message depends on the server's language,
 * but in every language it names the child and the constraint, and the parent only in this case.
 */
export function isStillReferenced(
  { message, table, constraint }: Pick<DatabaseError, 'message' | 'table' | 'constraint'>,
  parent: string,
): boolean {
  const named = message.split(/[^\p{L}\p{N}_$]+/u).filter((it) => it === parent).length
  return named > [table, constraint].filter((it) => it === parent).length
}

const foreignKeySql = `
  select parent.relname as parent, array(
    select a.attname::text from unnest(con.conkey) with ordinality k (attnum, place)
    join pg_attribute a on a.attrelid = con.conrelid and a.attnum = k.attnum
    where a.attname <> 'tenant_id' order by place) as columns
  from pg_constraint con
  join pg_class child on child.oid = con.conrelid
  join pg_namespace n on n.oid = child.relnamespace
  join pg_class parent on parent.oid = con.confrelid
  where con.contype = 'f' and con.conname = $1 and child.relname = $3
    -- A worker of Citus names no schema.
    and n.nspname = coalesce($2, n.nspname)`
