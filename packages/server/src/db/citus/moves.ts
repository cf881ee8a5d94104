import type pg from 'pg'
import { isDataPlane } from '../tenant_filter/tenant_tables.ts'
import { REVOKE_ON_WORKERS } from './citus_plan.ts'

/**
 * Forced row-level security applies to the owner, the role that copies a shard while it moves: the move waits
 * without end. The owner serves no request, so that the force can be lifted for the time of a move.
 */
export async function setForce(client: pg.ClientBase, isForced: boolean): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(distributedSql)
  const force = isForced ? 'force' : 'no force'
  await client.query("set citus.multi_shard_modify_mode = 'sequential'")
  for (const { name } of rows) {
    await client.query(`alter table ${name} ${force} row level security`)
  }
  return rows.map(({ name }) => name)
}

/**
 * Moves shards until the workers have about the same number of them, without the force meanwhile. A worker that was
 * added gets what Citus does not give it, before it has rows.
 */
export async function rebalance(client: pg.ClientBase): Promise<void> {
  await client.query('set statement_timeout = 0')
  await client.query(REVOKE_ON_WORKERS)
  await setForce(client, false)
  try {
    await client.query("select rebalance_table_shards('tenantry.audit_logs')")
  } finally {
    await setForce(client, true)
  }
}

const distributedSql = `
  select format('%I.%I', n.nspname, c.relname) as name
  from pg_policy p
  join pg_class c on c.oid = p.polrelid
  join pg_namespace n on n.oid = c.relnamespace
  join pg_dist_partition d on d.logicalrelid = c.oid and d.partmethod = 'h'
  where ${isDataPlane('p')} order by 1`
