import type pg from 'pg'
import { literalsOf, servingRoles } from '../provisioning/roles.ts'
import { type CitusPlan, isDone } from './citus_plan.ts'

/**
 * Runs a plan. The tables are distributed in one transaction: after an interruption either all of them are or
 * none. `report` gets the text of each statement before it runs.
 */
export async function applyCitus(
  client: pg.ClientBase,
  plan: CitusPlan,
  report: (sql: string) => void,
): Promise<void> {
  for (const { sql } of plan.options) await run(client, sql, report)
  for (const steps of [plan.phases, plan.distribution]) {
    if (steps.length > 0) await inTransaction(client, steps, report)
  }
  if (!isDone(plan)) await endSessions(client)
}

async function inTransaction(
  client: pg.ClientBase,
  steps: CitusPlan['distribution'],
  report: (sql: string) => void,
): Promise<void> {
  // The set-up of the superuser may have limits, which an hour of copying would exceed.
  await client.query("set statement_timeout = 0; set lock_timeout = '30s'")
  await run(client, 'begin', report)
  try {
    for (const { sql } of steps) await run(client, sql, report)
    await run(client, 'commit', report)
  } catch (error) {
    await client.query('rollback').catch(() => {})
    throw error
  }
}

async function run(client: pg.ClientBase, sql: string, report: (sql: string) => void) {
  report(sql)
  await client.query(sql)
}

// A connection keeps the options that it began with: without the new one its writes would be refused. The
// servers connect again.
async function endSessions(client: pg.ClientBase): Promise<void> {
  await client.query(`
    select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and usename in ${literalsOf([...servingRoles, 'owner'])}`)
}
