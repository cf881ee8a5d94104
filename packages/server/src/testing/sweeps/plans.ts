import { CompiledQuery, type Kysely } from 'kysely'
import type pg from 'pg'
import { withClient } from '../../db/connect/with_client.ts'
import type { KernelTables } from '../../db/tables.ts'
import { backgroundScope } from '../../db/tenancy.ts'
import { isDataPlane } from '../../db/tenant_filter/tenant_tables.ts'
import type { SentStatement } from '../record_statements.ts'
import { type PlanNode, scansWithoutTenant } from '../tenant_scans.ts'
import { listQueries } from './inputs/lists.ts'
import type { FilledWorld } from './world/filled_database.ts'
import { call, inSafeOrder, nameOf, pathIn, readyFor, type World } from './world/world.ts'

/**
 * Explains every statement that a successful call of each route sends, as the role that sent it and with
 * its tenant set. A table that tenants share must be read by an index that starts with the tenant, and one of
 * the data plane must be asked for the tenant by its id. Returns the statements that read more.
 */
export async function planFaults({ world, urls }: FilledWorld): Promise<string[]> {
  const { indexes, dataPlane } = await withClient(urls.owner, readCatalog)
  const faults = new Set<string>()
  const explained = new Set<string>()
  for (const route of inSafeOrder(world)) {
    const { a, api } = world
    const here = await readyFor(world, route, a)
    const queries = route.list === undefined ? [] : await listQueries(world, route)
    const sent = await api.statementsOf(async () => {
      await call(world, route, here, here.admin)
      for (const query of queries) {
        await here.tenant.send({ path: `${pathIn(route, here)}?${query}`, user: here.admin })
      }
      await api.running.settle()
    })
    for (const statement of sent.filter(({ text }) => isExplainable(text))) {
      if (explained.has(statement.text)) continue
      explained.add(statement.text)
      const plan = await explain(world, statement)
      for (const fault of faultsIn(plan, indexes)) {
        faults.add(`${nameOf(route)}: ${fault}; add an index on (tenant_id, …) for this query`)
      }
      for (const table of scansWithoutTenant(plan, dataPlane)) {
        faults.add(`${nameOf(route)}: ${withoutTenant(table)}`)
      }
    }
  }
  return [...faults]
}

interface Index {
  table: string
  /** Does the table hold rows of several tenants? */
  tenants: boolean
  index: string
  leads: string
}

interface Catalog {
  indexes: Index[]
  dataPlane: ReadonlySet<string>
}

async function readCatalog(client: pg.Client): Promise<Catalog> {
  const { rows: indexes } = await client.query<Index>(indexesSql)
  const { rows: tables } = await client.query<{ name: string }>(dataPlaneSql)
  return { indexes, dataPlane: new Set(tables.map(({ name }) => name)) }
}

function withoutTenant(table: string): string {
  return (
    `reads ${table} in raw SQL that does not name the tenant, and on Citus would ask every shard; ` +
    "name the table with kysely's functions, or compare tenant_id with ctx.tenant.id"
  )
}

function isExplainable(text: string): boolean {
  return /^\s*(select|with|insert|update|delete)\b/i.test(text)
}

async function explain(
  { api, a }: World,
  { role, text, values }: SentStatement,
): Promise<PlanNode> {
  const query = CompiledQuery.raw(`explain (format json) ${text}`, [...values])
  const ask = async (db: Kysely<KernelTables>) => {
    const { rows } = await db.executeQuery<{ 'QUERY PLAN': { Plan: PlanNode }[] }>(query)
    return rows[0]?.['QUERY PLAN'][0]?.Plan
  }
  const { database } = api
  const plan = await (role === 'app'
    ? database.inTenant(backgroundScope(a.tenant.id), ask)
    : database.asIdentity(backgroundScope(a.tenant.id), ask))
  if (plan === undefined) throw new Error(`no plan for ${text}`)
  return plan
}

function faultsIn(node: PlanNode, indexes: Index[]): string[] {
  const below = (node.Plans ?? []).flatMap((it) => faultsIn(it, indexes))
  const fault = faultOf(node, indexes)
  return fault === undefined ? below : [fault, ...below]
}

function faultOf(node: PlanNode, indexes: Index[]): string | undefined {
  const table = node['Relation Name']
  if (node['Node Type'] === 'Seq Scan') {
    return indexes.some((it) => it.table === table) ? `reads all of ${table}` : undefined
  }
  const used = indexes.find((it) => it.index === node['Index Name'])
  if (used === undefined || !used.tenants || used.leads === 'tenant_id') return undefined
  // An index on (id, tenant_id) also reads only rows of one tenant.
  if (node['Index Cond']?.includes('tenant_id') === true) return undefined
  return `reads ${used.table} by ${used.index}, which leads with ${used.leads}`
}

const indexesSql = `
  select c.relname as table, (select relname from pg_class where oid = i.indexrelid) as index, lead.attname as leads,
    t.attname is not null as tenants
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
  left join pg_attribute t on t.attrelid = c.oid and t.attname = 'tenant_id' and not t.attisdropped
  left join pg_index i on i.indrelid = c.oid
  left join pg_attribute lead on lead.attrelid = c.oid and lead.attnum = i.indkey[0]
  where n.nspname in ('public', 'tenantry') and c.relkind in ('r', 'p')
    and (t.attname is not null or c.oid = 'tenantry.users'::regclass)
    -- Not the empty ones, which no route fills: any plan for them is cheap.
    and c.reltuples > 0`

const dataPlaneSql = `
  select c.relname as name from pg_policy p join pg_class c on c.oid = p.polrelid
  where ${isDataPlane('p')}`
