import type pg from 'pg'
import { isDataPlane } from '../tenant_filter/tenant_tables.ts'
import { onePhase } from './citus_state.ts'

/** How the data plane lies on the workers, as a role that serves requests sees it. */
export interface ShardState {
  version: string
  /** Tables of the data plane that are on the coordinator alone. */
  local: string[]
  /** Distributed tables whose rows were left behind on the coordinator. */
  leftBehind: string[]
  /** `worker: error` for each that does not answer. */
  silent: string[]
  /** `worker: n functions` that PUBLIC may execute there. */
  publicFunctions: string[]
  /** Shards whose row-level security differs from the table's: `shard at worker`. */
  unprotected: string[]
  /** Tables of the coordinator that are not committed together with the rows of a worker. */
  onePhase: string[]
  tables: string[]
  shards: number
}

/** Undefined on a server without Citus. */
export async function readShardState(client: pg.ClientBase): Promise<ShardState | undefined> {
  const { rows } = await client.query<{ version: string }>(
    "select extversion as version from pg_extension where extname = 'citus'",
  )
  const [citus] = rows
  if (citus === undefined) return undefined
  const { rows: phases } = await client.query<{ onePhase: string[] }>(
    `select ${onePhase} as "onePhase"`,
  )
  const { rows: tables } = await client.query<TableRow>(tablesSql)
  const distributed = tables.filter((it) => it.distributed)
  const { rows: workers } = await client.query<WorkerRow>(workersSql)
  const silent = workers.filter((it) => !it.success)
  const shards = silent.length > 0 ? [] : await placementsOf(client, distributed)
  return {
    version: citus.version,
    local: tables.filter((it) => !it.distributed).map(({ name }) => name),
    leftBehind: distributed.filter(({ bytes }) => bytes > 0).map(({ name }) => name),
    silent: silent.map(({ name, result }) => `${name}: ${result}`),
    publicFunctions: workers
      .filter((it) => it.success && it.result !== '0')
      .map(({ name, result }) => `${name}: ${result} functions`),
    unprotected: shards.filter((it) => !it.matches).map(({ shard }) => shard),
    onePhase: phases.flatMap((it) => it.onePhase),
    tables: distributed.map(({ name }) => name),
    shards: shards.length,
  }
}

interface TableRow {
  name: string
  distributed: boolean
  bytes: number
  protection: string
}

interface WorkerRow {
  name: string
  success: boolean
  result: string
}

// Everything of a table that protects its rows.
const protectionOf = (table: string) => `
  select concat_ws(' ', relrowsecurity, relforcerowsecurity, (
    select string_agg(concat_ws(' ', polname, polcmd, polpermissive, array(
        select rolname from pg_roles where oid = any (polroles) order by 1),
      pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid)), ',' order by polname)
    from pg_policy where polrelid = c.oid)) from pg_class c where c.oid = ${table}`

const tablesSql = `
  select format('%I.%I', n.nspname, c.relname) as name, d.logicalrelid is not null as distributed,
    pg_relation_size(c.oid)::float8 as bytes, (${protectionOf('p.polrelid')}) as protection
  from pg_policy p
  join pg_class c on c.oid = p.polrelid
  join pg_namespace n on n.oid = c.relnamespace
  left join pg_dist_partition d on d.logicalrelid = c.oid and d.partmethod = 'h'
  where ${isDataPlane('p')} order by 1`

const workersSql = `
  select nodename || ':' || nodeport as name, success, result from run_command_on_workers($$
    select count(*) from pg_proc where pronamespace = to_regnamespace('tenantry')
      and has_function_privilege('public', oid, 'execute')$$)`

async function placementsOf(client: pg.ClientBase, tables: TableRow[]) {
  const found: { shard: string; matches: boolean }[] = []
  for (const { name, protection } of tables) {
    const { rows } = await client.query<{ shard: string; result: string }>(
      `select format('%s_%s at %s:%s', $1::text, shardid, nodename, nodeport) as shard, result
       from run_command_on_placements($1::text::regclass, $2)`,
      [name, protectionOf("'%s'::regclass")],
    )
    found.push(...rows.map(({ shard, result }) => ({ shard, matches: result === protection })))
  }
  return found
}
