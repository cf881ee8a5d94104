import type pg from 'pg'
import { literalsOf, servingRoles } from '../provisioning/roles.ts'
import { isDataPlane } from '../tenant_filter/tenant_tables.ts'

/** A table of the data plane, and what distributing it has to know. */
export interface DataTable {
  name: string
  /** How Citus keeps it. `local`: on the coordinator alone. */
  kind: 'local' | 'distributed' | 'other'
  column: string | null
  group: number | null
  /** The size of the coordinator's own copy of its rows: of a distributed table it must be 0. */
  localBytes: number
  /** Foreign keys that cannot exist once it is distributed: to tables that stay on the coordinator. */
  dropped: string[]
  /** Tables of the data plane that it refers to. */
  parents: string[]
  /** Keys whose action would change the tenant of a row. */
  wrongKeys: string[]
  /** Keys that are checked at the commit of a worker, of which Citus reports no reason. */
  lateKeys: string[]
  triggers: string[]
  /** Policies that read another table, or call a function that may. */
  policies: string[]
  /** Policies that narrow others: Citus 13 writes them on the workers as policies that widen them. */
  restrictive: string[]
  /** Whether a role has a privilege on single columns. */
  columnGrants: boolean
  /** Whether row-level security applies to the owner too. A move lifts it. */
  forced: boolean
}

/** The state of a database, as its superuser sees it. */
export interface CitusState {
  isSuperuser: boolean
  version: string | null
  database: string
  walLevel: string
  hasSchema: boolean
  coordinatorKnown: boolean
  workers: { name: string; version: string | null; walLevel: string | null; error: string | null }[]
  /** `role: worker: error` for each that cannot connect. */
  unreachable: string[]
  tables: DataTable[]
  /** Tables of the coordinator with a foreign key to a table of the data plane. */
  referrers: string[]
  /** Tables that say no longer to which plane they belong: undistribute_table() loses it. */
  unrecorded: string[]
  missingOptions: { role: string; option: string; value: string }[]
  /** The table whose changes make Citus commit in two phases. `plain`: Citus does not know it, as after a restore. */
  twoPhases: 'absent' | 'plain' | 'known'
  /** Tables of the coordinator whose changes do not. */
  onePhase: string[]
}

/** The first table to distribute, with which all others are colocated. */
export const FIRST = 'tenantry.audit_logs'

/** The options that the roles need where the data plane is distributed. */
const citusOptions: Readonly<Record<string, readonly [option: string, value: string]>> = {
  // Without it the tenant does not reach the workers: they show no rows and refuse writes.
  tenantry_app: ['citus.propagate_set_commands', 'local'],
  tenantry_identity: ['citus.propagate_set_commands', 'local'],
  tenantry_platform: ['citus.propagate_set_commands', 'local'],
  // DDL on several shards in one transaction.
  tenantry_owner: ['citus.multi_shard_modify_mode', 'sequential'],
}

/** Reads the state of the database. Only a superuser reads all of it. */
export async function readCitusState(client: pg.ClientBase): Promise<CitusState> {
  const server = await one<ServerRow>(client, serverSql)
  const base = {
    ...server,
    coordinatorKnown: false,
    workers: [],
    unreachable: [],
    tables: [],
    referrers: [],
    unrecorded: [],
    missingOptions: [],
    twoPhases: 'absent' as const,
    onePhase: [],
  }
  if (server.version === null || !server.isSuperuser) return base
  const { known } = await one<{ known: boolean }>(client, coordinatorSql)
  const workers = await workersOf(client)
  const isAnswering = workers.length > 0 && workers.every(({ error }) => error === null)
  return {
    ...base,
    coordinatorKnown: known,
    workers,
    unreachable: isAnswering ? await unreachableRoles(client) : [],
    ...(server.hasSchema && (await tablesOf(client))),
    missingOptions: await missingOptions(client),
  }
}

type ServerRow = Pick<CitusState, 'isSuperuser' | 'version' | 'database' | 'walLevel' | 'hasSchema'>

const serverSql = `
  select (select rolsuper from pg_roles where rolname = current_user) as "isSuperuser",
    (select extversion from pg_extension where extname = 'citus') as version,
    current_database() as database, current_setting('wal_level') as "walLevel",
    to_regclass('tenantry.audit_logs') is not null as "hasSchema"`

const coordinatorSql = 'select exists (select from pg_dist_node where groupid = 0) as known'

async function workersOf(client: pg.ClientBase): Promise<CitusState['workers']> {
  const { rows } = await client.query<{ name: string; success: boolean; result: string }>(`
    select nodename || ':' || nodeport as name, success, result from run_command_on_workers(
      $$select current_setting('wal_level') || ' '
        || coalesce((select extversion from pg_extension where extname = 'citus'), '')$$)`)
  return rows.map(({ name, success, result }) => {
    const [walLevel = '', version = ''] = result.split(' ')
    return success
      ? { name, walLevel, version, error: null }
      : { name, walLevel: null, version: null, error: result }
  })
}

// Citus connects to a worker as the role that sends the query.
async function unreachableRoles(client: pg.ClientBase): Promise<string[]> {
  const found: string[] = []
  for (const role of Object.keys(citusOptions)) {
    await client.query(`set role ${role}`)
    const { rows } = await client.query<{ name: string; result: string }>(unreachableSql)
    await client.query('reset role')
    found.push(...rows.map(({ name, result }) => `${role} at ${name}: ${result}`))
  }
  return found
}

const unreachableSql = `
  select nodename || ':' || nodeport as name, result
  from run_command_on_workers('select 1') where not success`

async function tablesOf(
  client: pg.ClientBase,
): Promise<Pick<CitusState, 'tables' | Others | Phases>> {
  const { rows: tables } = await client.query<DataTable>(tablesSql)
  const others = await one<Pick<CitusState, Others>>(client, othersSql)
  return { tables, ...others, ...(await one<Pick<CitusState, Phases>>(client, phasesSql)) }
}

type Others = 'referrers' | 'unrecorded'
type Phases = 'twoPhases' | 'onePhase'

async function missingOptions(client: pg.ClientBase): Promise<CitusState['missingOptions']> {
  const { rows } = await client.query<{ role: string; options: string[] }>(`
    select r.rolname::text as role, coalesce(array_agg(o) filter (where o is not null), '{}') as options
    from pg_roles r
    left join pg_db_role_setting s on s.setrole = r.oid
      and s.setdatabase = (select oid from pg_database where datname = current_database())
    left join unnest(s.setconfig) o on true
    where r.rolname in ${literalsOf([...servingRoles, 'owner'])} group by 1 order by 1`)
  return rows.flatMap(({ role, options }) => {
    const [option, value] = citusOptions[role] ?? []
    if (option === undefined || value === undefined) return []
    return options.includes(`${option}=${value}`) ? [] : [{ role, option, value }]
  })
}

const dataTables = `
  data_tables as (
    select c.oid, n.nspname || '.' || c.relname as name
    from pg_policy p
    join pg_class c on c.oid = p.polrelid
    join pg_namespace n on n.oid = c.relnamespace
    where ${isDataPlane('p')})`

// A function of the system reads no table; the setting of the tenant is one.
const readsMore = `(
  select coalesce(array_agg(p.polname::text order by p.polname), '{}') from pg_policy p
  where p.polrelid = t.oid and exists (
    select from pg_depend d where d.classid = 'pg_policy'::regclass and d.objid = p.oid
      and (d.refclassid = 'pg_proc'::regclass
        or d.refclassid = 'pg_class'::regclass and d.refobjid <> t.oid)))`

const tablesSql = `
  with ${dataTables}
  select t.name,
    case when d.logicalrelid is null then 'local' when d.partmethod = 'h' then 'distributed'
      else 'other' end as kind,
    case when d.partmethod = 'h' then column_to_column_name(d.logicalrelid, d.partkey) end as "column",
    d.colocationid as group, pg_relation_size(t.oid)::float8 as "localBytes",
    array(select k.conname::text from pg_constraint k where k.conrelid = t.oid and k.contype = 'f'
      and k.confrelid not in (select oid from data_tables) order by 1) as dropped,
    array(select distinct r.name from pg_constraint k join data_tables r on r.oid = k.confrelid
      where k.conrelid = t.oid and k.contype = 'f' and k.confrelid <> t.oid order by 1) as parents,
    array(select k.conname::text from pg_constraint k where k.conrelid = t.oid and k.contype = 'f'
      and (k.confupdtype = 'c' or k.confdeltype = 'n' and k.confdelsetcols is null) order by 1) as "wrongKeys",
    array(select k.conname::text from pg_constraint k where k.conrelid = t.oid and k.condeferrable
      and (k.confrelid = 0 or k.confrelid in (select oid from data_tables)) order by 1) as "lateKeys",
    array(select g.tgname::text from pg_trigger g where g.tgrelid = t.oid and not g.tgisinternal
      order by 1) as triggers,
    ${readsMore} as policies,
    array(select p.polname::text from pg_policy p where p.polrelid = t.oid and not p.polpermissive
      order by 1) as restrictive,
    exists (select from pg_attribute a where a.attrelid = t.oid and a.attacl is not null) as "columnGrants",
    c.relforcerowsecurity as forced
  from data_tables t
  join pg_class c on c.oid = t.oid
  left join pg_dist_partition d on d.logicalrelid = t.oid
  order by t.name`

const othersSql = `
  with ${dataTables}
  select array(select distinct k.conrelid::regclass::text || ' (' || k.conname || ')'
    from pg_constraint k join data_tables t on t.oid = k.confrelid
    where k.contype = 'f' and k.conrelid not in (select oid from data_tables) order by 1) as referrers,
    array(select format('%I.%I', n.nspname, c.relname)
    from pg_policy p join pg_class c on c.oid = p.polrelid join pg_namespace n on n.oid = c.relnamespace
    where p.polname = 'app_own_tenant' and n.nspname <> 'tenantry'
      and obj_description(p.oid, 'pg_policy') is null order by 1) as unrecorded`

const isKnown = `exists (select from pg_dist_partition d
    where d.logicalrelid = to_regclass('tenantry.two_phases'))`

/** The tables of the coordinator whose changes do not make Citus commit in two phases: an array of their names. */
export const onePhase = `array(
  select format('%I.%I', n.nspname, c.relname)
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relowner = to_regrole('tenantry_owner') and c.relkind in ('r', 'p') and not c.relispartition
    and not exists (select from pg_dist_partition d where d.logicalrelid = c.oid)
    and not exists (select from pg_policy p where p.polrelid = c.oid and ${isDataPlane('p')})
    and not (${isKnown}
      and exists (select from pg_trigger g where g.tgrelid = c.oid and g.tgname = 'use_two_phases'))
  order by 1)`

const phasesSql = `
  select case when to_regclass('tenantry.two_phases') is null then 'absent'
      when ${isKnown} then 'known' else 'plain' end as "twoPhases", ${onePhase} as "onePhase"`

async function one<Row extends pg.QueryResultRow>(
  client: pg.ClientBase,
  sql: string,
): Promise<Row> {
  const { rows } = await client.query<Row>(sql)
  const [row] = rows
  if (row === undefined) throw new Error('the query returned no row')
  return row
}
