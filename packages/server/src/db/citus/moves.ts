import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { OperatorError } from '../../lib/operator_error.ts'
import { isDatabaseError } from '../errors.ts'
import { isDataPlane } from '../tenant_filter/tenant_tables.ts'
import { REVOKE_ON_WORKERS } from './citus_plan.ts'

// Requests wait behind the lock that a change of the force waits for.
const LOCK_TIMEOUT_MS = 2_000
const LOCK_ATTEMPTS = 30

/**
 * Forced row-level security applies to the owner, the role that copies a shard while it moves: the move waits
 * without end. The owner serves no request, so that the force can be lifted for the time of a move.
 */
export async function setForce(client: pg.ClientBase, isForced: boolean): Promise<string[]> {
  const { rows } = await client.query<{ name: string; forced: boolean }>(distributedSql)
  await client.query("set citus.multi_shard_modify_mode = 'sequential'")
  await client.query(`set lock_timeout = ${LOCK_TIMEOUT_MS}`)
  const force = isForced ? 'force' : 'no force'
  for (const { name, forced } of rows) {
    if (forced === isForced) continue
    await changeLocked(client, name, `alter table ${name} ${force} row level security`)
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
  try {
    await setForce(client, false)
    await client.query("select rebalance_table_shards('tenantry.audit_logs')")
  } finally {
    await restoreForce(client)
  }
}

async function restoreForce(client: pg.ClientBase): Promise<void> {
  try {
    await setForce(client, true)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new OperatorError(
      `row-level security is still not forced (${reason}): run tenantry scale citus --restore-force`,
      { cause: error },
    )
  }
}

async function changeLocked(client: pg.ClientBase, table: string, sql: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await client.query(sql)
      return
    } catch (error) {
      if (!isDatabaseError(error) || error.code !== '55P03') throw error
      if (attempt === LOCK_ATTEMPTS) throw inUse(table, error)
      await sleep(LOCK_TIMEOUT_MS / 2)
    }
  }
}

function inUse(table: string, cause: Error): OperatorError {
  const seconds = (LOCK_ATTEMPTS * LOCK_TIMEOUT_MS * 1.5) / 1_000
  return new OperatorError(
    `${table} was in use for ${seconds} s, by a backup or another long transaction: try again after it`,
    { cause },
  )
}

const distributedSql = `
  select format('%I.%I', n.nspname, c.relname) as name, c.relforcerowsecurity as forced
  from pg_policy p
  join pg_class c on c.oid = p.polrelid
  join pg_namespace n on n.oid = c.relnamespace
  join pg_dist_partition d on d.logicalrelid = c.oid and d.partmethod = 'h'
  where ${isDataPlane('p')} order by 1`
