/** A node of the plan that `explain (format json)` returns. */
export interface PlanNode {
  'Node Type': string
  'Relation Name'?: string
  'Index Name'?: string
  'Index Cond'?: string
  'Recheck Cond'?: string
  Filter?: string
  Plans?: PlanNode[]
}

/**
 * The tables of the data plane that a plan reads without the tenant as a value: row-level security alone
 * compares tenant_id with a setting, by which Citus cannot choose a shard. PostgreSQL derives the value from
 * a join on tenant_id, and so does Citus.
 */
export function scansWithoutTenant(node: PlanNode, dataPlane: ReadonlySet<string>): string[] {
  const below = (node.Plans ?? []).flatMap((it) => scansWithoutTenant(it, dataPlane))
  const { 'Relation Name': table, 'Node Type': type } = node
  if (table === undefined || !dataPlane.has(table) || !type.endsWith('Scan')) return below
  const conditions = [node['Index Cond'], node['Recheck Cond'], node.Filter]
  return conditions.some((it) => NAMES_TENANT.test(it ?? '')) ? below : [table, ...below]
}

const NAMES_TENANT = /\btenant_id = '[0-9a-f-]{36}'::uuid/
