import { type Kysely, sql } from 'kysely'
import { readShardState, type ShardState } from '../../db/citus/shard_checks.ts'
import { withClient } from '../../db/connect/with_client.ts'
import type { OpenDatabase } from '../../db/open_database.ts'
import type { ChosenDatabase } from '../../db/provisioning/choose_database.ts'
import type { KernelTables } from '../../db/tables.ts'
import { backgroundScope } from '../../db/tenancy.ts'
import { newId } from '../../lib/ids.ts'
import type { Check } from './check.ts'

const NAME = 'citus'
const APPLY = 'run: tenantry scale citus --apply'

/** Whether the data plane on the workers is complete and protected. No check without Citus. */
export async function checkCitus(
  { urls }: Pick<ChosenDatabase, 'urls'>,
  opened: OpenDatabase,
): Promise<Check[]> {
  const state = await withClient(urls.app, readShardState)
  if (state === undefined) return []
  if (state.tables.length === 0) {
    const detail = `Citus ${state.version} is here, and no table is distributed: tenantry scale citus --plan`
    return [{ name: NAME, state: 'ok', detail }]
  }
  const faults = [...shardFaults(state), ...(await optionFaults(urls))]
  if (faults.length > 0)
    return faults.map((detail): Check => ({ name: NAME, state: 'fail', detail }))
  const tasks = await tasksOf(opened, state.tables)
  const wide = tasks.filter(({ count }) => count !== 1)
  if (wide.length > 0) {
    return wide.map(
      ({ table, count }): Check => ({
        name: NAME,
        state: 'fail',
        detail: `a query of one tenant on ${table} asks ${count} shards: it must name the tenant`,
      }),
    )
  }
  const detail = `${state.tables.length} tables on ${state.shards} shards, each protected as its table; a tenant's query asks one of them`
  return [{ name: NAME, state: 'ok', detail }]
}

function shardFaults(state: ShardState): string[] {
  return [
    ...state.silent.map((it) => `worker ${it}; requests of its tenants get 503: start it`),
    ...state.local.map((it) => `${it} is on the coordinator alone: ${APPLY}`),
    ...state.onePhase.map(
      (it) =>
        `a change of ${it} and of rows on a worker can be stored in part if the worker fails: ${APPLY}`,
    ),
    ...state.leftBehind.map(
      (it) =>
        `${it} has rows on the coordinator that no query finds: it was distributed by hand (docs/scaling.md)`,
    ),
    ...state.publicFunctions.map(
      (it) => `PUBLIC may execute functions at worker ${it}: run: tenantry scale citus --rebalance`,
    ),
    ...state.unprotected.map(
      (it) =>
        `${it} lacks the row-level security of its table: after a move run tenantry scale citus --restore-force, and write no restrictive policy`,
    ),
  ]
}

// The connection has the options that the role has now.
async function optionFaults(urls: ChosenDatabase['urls']): Promise<string[]> {
  const faults: string[] = []
  for (const url of [urls.app, urls.identity]) {
    const { rows } = await withClient(url, (client) =>
      client.query<{ role: string; value: string }>(
        "select current_user as role, current_setting('citus.propagate_set_commands') as value",
      ),
    )
    for (const { role, value } of rows) {
      if (value !== 'local')
        faults.push(`the tenant of ${role} does not reach the workers: ${APPLY}`)
    }
  }
  return faults
}

async function tasksOf({ database, loadTenantTables }: OpenDatabase, tables: string[]) {
  await loadTenantTables()
  return Promise.all(
    tables.map(async (table) => ({
      table,
      count: await database.read(backgroundScope(newId()), ({ db }) => tasksFor(db, table)),
    })),
  )
}

async function tasksFor(db: Kysely<KernelTables>, table: string): Promise<number> {
  // A table of the app, which the kernel's types do not know.
  const rows = db.selectFrom(table as never).select(sql`1`.as('one'))
  const plan = await sql<{ 'QUERY PLAN': unknown }>`explain (format json) ${rows}`.execute(db)
  const [, count = '0'] = /"Task Count":\s*(\d+)/.exec(JSON.stringify(plan.rows)) ?? []
  return Number(count)
}
