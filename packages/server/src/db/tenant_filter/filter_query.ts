import {
  AliasNode,
  AndNode,
  BinaryOperationNode,
  type DeleteQueryNode,
  IdentifierNode,
  type JoinNode,
  type MergeQueryNode,
  OnNode,
  type OperationNode,
  ParensNode,
  RawNode,
  type SchemableIdentifierNode,
  SelectAllNode,
  SelectionNode,
  SelectQueryNode,
  TableNode,
  type UpdateQueryNode,
  ValueNode,
  WhereNode,
} from 'kysely'

/** Stands for the tenant among the parameters of a compiled query. The scope that sends it puts the id in. */
export const TENANT: unique symbol = Symbol('the tenant of the scope')

/** Whether a table that a query names belongs to the data plane. */
export type IsFiltered = (table: SchemableIdentifierNode) => boolean

type Filterable = SelectQueryNode | UpdateQueryNode | DeleteQueryNode

/**
 * Adds `tenant_id = <tenant>` for each table of the data plane that one query reads or changes. Its
 * sub-queries are compiled, and filtered, by themselves. Returns the same node where there is none.
 */
export function filterQuery<Query extends Filterable>(query: Query, isFiltered: IsFiltered): Query {
  const { joins = [] } = query
  const own = [...changedBy(query), ...readBy(query)]
  if (joins.length === 0) return withWhere(query, own, isFiltered)
  const isTarget = (it: OperationNode) => filterOf(it, isFiltered) !== undefined
  if (!own.some(isTarget) && !joins.some((it) => isTarget(it.table))) return query
  if (joins.some(keepsUnmatched)) return filterInSubQueries(query, isFiltered)
  const crossed = joins.filter(({ on }) => on === undefined).map(({ table }) => table)
  const joined = { ...query, joins: joins.map((it) => filterJoin(it, isFiltered)) }
  return withWhere(joined, [...own, ...crossed], isFiltered)
}

/** Whether raw SQL is a filter that was added here. */
export function isTenantFilter({ parameters }: RawNode): boolean {
  return parameters[1] === tenant
}

/** The same for MERGE: rows of the source that do not match are its input, too. */
export function filterMerge(query: MergeQueryNode, isFiltered: IsFiltered): MergeQueryNode {
  const { using } = query
  if (using?.on === undefined) return query
  const filter = filterOf(query.into, isFiltered)
  const on = filter === undefined ? using.on : OnNode.create(both(using.on.on, filter))
  return { ...query, using: { ...using, table: asSubQuery(using.table, isFiltered), on } }
}

const tenant = ValueNode.create(TENANT)

function changedBy(query: Filterable): readonly OperationNode[] {
  if (query.kind === 'DeleteQueryNode') return query.from.froms
  return query.kind === 'UpdateQueryNode' && query.table !== undefined ? [query.table] : []
}

function readBy(query: Filterable): readonly OperationNode[] {
  if (query.kind === 'DeleteQueryNode') return query.using?.tables ?? []
  return query.from?.froms ?? []
}

// A RIGHT or FULL JOIN returns rows of one side for which no condition on the other side holds.
function keepsUnmatched({ joinType }: JoinNode): boolean {
  return joinType === 'RightJoin' || joinType === 'FullJoin'
}

// There a filter in WHERE or ON changes the result. PostgreSQL plans the sub-query like the table itself.
function filterInSubQueries<Query extends Filterable>(query: Query, isFiltered: IsFiltered): Query {
  const inSubQuery = (it: OperationNode) => asSubQuery(it, isFiltered)
  const tables = readBy(query).map(inSubQuery)
  const joins = query.joins?.map((it) => ({ ...it, table: inSubQuery(it.table) }))
  const changed = withWhere({ ...query, joins }, changedBy(query), isFiltered)
  return query.kind === 'DeleteQueryNode'
    ? { ...changed, using: { kind: 'UsingNode', tables } }
    : { ...changed, from: { kind: 'FromNode', froms: tables } }
}

function asSubQuery(node: OperationNode, isFiltered: IsFiltered): OperationNode {
  if (filterOf(node, isFiltered) === undefined) return node
  if (AliasNode.is(node)) return AliasNode.create(allOf(node.node), node.alias)
  return TableNode.is(node) ? AliasNode.create(allOf(node), node.table.identifier) : node
}

function allOf(table: OperationNode): SelectQueryNode {
  const rows = SelectQueryNode.createFrom([table])
  return SelectQueryNode.cloneWithSelections(rows, [SelectionNode.create(SelectAllNode.create())])
}

function filterJoin(join: JoinNode, isFiltered: IsFiltered): JoinNode {
  const filter = filterOf(join.table, isFiltered)
  if (filter === undefined || join.on === undefined) return join
  return { ...join, on: OnNode.create(both(join.on.on, filter)) }
}

function filterOf(node: OperationNode, isFiltered: IsFiltered): OperationNode | undefined {
  if (TableNode.is(node)) return isFiltered(node.table) ? filterOn(node.table) : undefined
  if (!AliasNode.is(node) || !TableNode.is(node.node) || !isFiltered(node.node.table)) return
  // An alias in raw SQL may rename the columns.
  return IdentifierNode.is(node.alias) ? filterOn(node.alias) : undefined
}

// Raw SQL: a node for each word would cost the compiler more than all other parts of the filter.
function filterOn(table: OperationNode): OperationNode {
  return RawNode.create(['', '."tenant_id" = ', ''], [table, tenant])
}

function withWhere<Query extends Filterable>(
  query: Query,
  tables: readonly OperationNode[],
  isFiltered: IsFiltered,
): Query {
  let all: OperationNode | undefined
  for (const table of tables) {
    const filter = filterOf(table, isFiltered)
    if (filter === undefined) continue
    if (all !== undefined) all = AndNode.create(all, filter)
    else all = query.where === undefined ? filter : both(query.where.where, filter)
  }
  return all === undefined ? query : { ...query, where: WhereNode.create(all) }
}

function both(condition: OperationNode, filter: OperationNode): OperationNode {
  return AndNode.create(bindsTighter(condition) ? condition : ParensNode.create(condition), filter)
}

// Raw SQL may hold an OR at its top.
function bindsTighter(node: OperationNode): boolean {
  if (AndNode.is(node)) return bindsTighter(node.left) && bindsTighter(node.right)
  return BinaryOperationNode.is(node) || ParensNode.is(node)
}
