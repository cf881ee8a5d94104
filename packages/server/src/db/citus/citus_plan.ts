import { dependencyOrder } from '../../lib/dependency_order.ts'
import { type CitusState, type DataTable, FIRST } from './citus_state.ts'
import type { Step } from './citus_step.ts'
import { phaseSteps } from './two_phases.ts'

/** What a plan does: options that may stay, and two transactions. */
export interface CitusPlan {
  options: Step[]
  phases: Step[]
  distribution: Step[]
}

const OWN_TENANT = "tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid"
const CURRENT_TIME =
  'abs(extract(epoch from created_at - clock_timestamp())) < 60 and abs(extract(epoch from clock_timestamp()) * 1000 - ' +
  "('x' || left(replace(id::text, '-', ''), 12))::bit(48)::bigint) < 60000"

const SHARDS = 32

/** What is still to do. Empty if everything is done. */
export function citusPlan(state: CitusState): CitusPlan {
  const options = state.missingOptions.map(({ role, option, value }) => ({
    why: OPTION_REASONS[option] ?? '',
    sql: `alter role ${role} in database ${quoted(state.database)} set ${option} = '${value}'`,
  }))
  const local = parentsFirst(state.tables.filter(({ kind }) => kind === 'local'))
  return {
    options,
    phases: phaseSteps(state),
    distribution: local.length === 0 ? [] : distribution(local),
  }
}

/** Whether nothing is left to do. */
export function isDone({ options, phases, distribution: tables }: CitusPlan): boolean {
  return options.length + phases.length + tables.length === 0
}

const OPTION_REASONS: Record<string, string> = {
  'citus.propagate_set_commands': 'the tenant of a transaction has to reach the workers',
  'citus.multi_shard_modify_mode': 'a migration changes several shards in one transaction',
}

function distribution(tables: DataTable[]): Step[] {
  const names = tables.map(({ name }) => relation(name))
  return [
    {
      why: 'several tables in one transaction',
      sql: "set local citus.multi_shard_modify_mode = 'sequential'",
    },
    {
      why: 'writes wait until the end',
      sql: `lock table ${names.join(', ')} in access exclusive mode`,
    },
    { why: 'to compare them at the end', sql: countsSql(tables) },
    ...tables.flatMap(preparation),
    ...tables.map(distributing),
    { why: 'the same rows, or nothing happened', sql: comparisonSql },
    ...tables.map(({ name }) => ({
      why: 'frees the copy on the coordinator',
      sql: `select truncate_local_data_after_distributing_table('${relation(name)}')`,
    })),
    { why: 'PUBLIC may execute what Citus created on the workers', sql: REVOKE_ON_WORKERS },
  ]
}

function preparation({ name, dropped, policies, triggers }: DataTable): Step[] {
  const alter = `alter table ${relation(name)}`
  return [
    ...dropped.map((it) => ({
      why: 'it refers to a table that stays on the coordinator',
      sql: `${alter} drop constraint ${quoted(it)}`,
    })),
    ...policies.map((it) => ({
      why: 'a worker cannot read the tables of the coordinator',
      sql: `drop policy ${quoted(it)} on ${relation(name)}`,
    })),
    ...triggers.map((it) => ({
      why: 'Citus allows no trigger',
      sql: `drop trigger ${quoted(it)} on ${relation(name)}`,
    })),
    ...(name === FIRST ? ofAuditLog : []),
  ]
}

// A worker gets the id and the time from the coordinator, so that their columns must be granted, which Citus
// only does for the whole table. The policy then bounds what a client could write there.
const ofAuditLog: Step[] = [
  {
    why: 'what the trigger kept is never deleted',
    sql: `revoke delete on ${FIRST} from tenantry_platform`,
  },
  {
    why: 'Citus passes no grants of single columns on',
    sql: `grant insert on ${FIRST} to tenantry_app, tenantry_identity, tenantry_platform`,
  },
  ...Object.entries({
    app_own_tenant: `${OWN_TENANT} and ${CURRENT_TIME}`,
    identity_own_tenant: `${OWN_TENANT} and ${CURRENT_TIME}`,
    platform_all_tenants: CURRENT_TIME,
  }).map(([policy, check]) => ({
    why: 'a row has the time at which it is added',
    sql: `alter policy ${policy} on ${FIRST} with check (${check})`,
  })),
]

function distributing({ name }: DataTable): Step {
  const how =
    name === FIRST
      ? `colocate_with => 'none', shard_count => ${SHARDS}`
      : `colocate_with => '${FIRST}'`
  return {
    why: 'its rows move to the workers',
    sql: `select create_distributed_table('${relation(name)}', 'tenant_id', ${how})`,
  }
}

function countsSql(tables: DataTable[]): string {
  const counts = tables.map(
    ({ name }) => `select '${relation(name)}' as name, count(*) as rows from ${relation(name)}`,
  )
  return `create temporary table tenantry_rows on commit drop as ${counts.join(' union all ')}`
}

const comparisonSql = `do $$
declare
  before record;
  found bigint;
begin
  for before in select * from tenantry_rows loop
    execute 'select count(*) from ' || before.name into found;
    if found <> before.rows then
      raise exception '% has % rows on the workers instead of %: nothing was changed', before.name, found, before.rows;
    end if;
  end loop;
end $$`

/** Citus copies grants to a worker, but no REVOKE from PUBLIC. */
export const REVOKE_ON_WORKERS =
  'select run_command_on_workers($$set citus.enable_ddl_propagation = off; revoke execute on all functions in schema tenantry from public$$)'

// A parent must be distributed before what refers to it, and the first table before all others. Of tables that refer
// to each other in a circle, Citus names the key that is in its way.
function parentsFirst(tables: DataTable[]): DataTable[] {
  const others = tables.filter(({ name }) => name !== FIRST)
  const ordered = dependencyOrder(others, ({ parents }, { name }) => parents.includes(name))
  return [...tables.filter(({ name }) => name === FIRST), ...ordered]
}

function relation(name: string): string {
  return name.split('.').map(quoted).join('.')
}

function quoted(name: string): string {
  return /^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`
}
