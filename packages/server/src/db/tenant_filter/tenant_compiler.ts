import {
  AliasNode,
  CommonTableExpressionNode,
  type CompiledQuery,
  type DeleteQueryNode,
  type InsertQueryNode,
  type MergeQueryNode,
  type OperationNode,
  ParensNode,
  PostgresQueryCompiler,
  type QueryId,
  type RawNode,
  type RootOperationNode,
  type SchemableIdentifierNode,
  SelectQueryNode,
  TableNode,
  type UpdateQueryNode,
  type WithNode,
} from 'kysely'
import { filterInsert } from './filter_insert.ts'
import { filterMerge, filterQuery, isTenantFilter, TENANT } from './filter_query.ts'
import type { TenantTables } from './tenant_tables.ts'

/** A compiled query that reads tables of the data plane and nothing else. */
interface DataRead extends CompiledQuery {
  readonly isDataRead: true
}

/** Whether a query of a tenant scope reads tables of the data plane, and nothing else. */
export function isDataRead(query: CompiledQuery & Partial<DataRead>): boolean {
  return query.isDataRead === true
}

// Raw SQL that names a table: which one is not known. `from (` opens a sub-query, which is compiled.
const NAMES_TABLE = /\b(?:from|join|using|into|update|table)\s+(?:[^\s(]|$)/i

/**
 * Compiles the queries of a tenant scope: each one on a table of the data plane names the tenant. On
 * Citus that sends it to one shard. Row-level security is the guarantee, and does not depend on this.
 *
 * A filter is added while the text is written, because a transformation before it would copy the whole
 * query. The tenant is the parameter TENANT, once in each statement, so that no text depends on it.
 */
export class TenantCompiler extends PostgresQueryCompiler {
  readonly #tables: TenantTables
  #tenantAt = 0
  #readsData = false
  #readsOther = false

  constructor(tables: TenantTables) {
    super()
    this.#tables = tables
  }

  override compileQuery(node: RootOperationNode, queryId: QueryId): CompiledQuery {
    this.#tenantAt = 0
    this.#readsData = false
    this.#readsOther = false
    const compiled = super.compileQuery(node, queryId)
    if (!this.#readsData || this.#readsOther) return compiled
    const read: DataRead = { ...compiled, isDataRead: true }
    return read
  }

  protected override visitRaw(node: RawNode): void {
    if (!isTenantFilter(node) && node.sqlFragments.some((it) => NAMES_TABLE.test(it))) {
      this.#readsOther = true
    }
    super.visitRaw(node)
  }

  protected override visitSelectQuery(node: SelectQueryNode): void {
    for (const it of node.from?.froms ?? []) this.#noteRead(it)
    for (const { table } of node.joins ?? []) this.#noteRead(table)
    super.visitSelectQuery(filterQuery(node, this.#isFiltered))
  }

  protected override visitUpdateQuery(node: UpdateQueryNode): void {
    this.#readsOther = true
    super.visitUpdateQuery(filterQuery(node, this.#isFiltered))
  }

  protected override visitDeleteQuery(node: DeleteQueryNode): void {
    this.#readsOther = true
    super.visitDeleteQuery(filterQuery(node, this.#isFiltered))
  }

  protected override visitInsertQuery(node: InsertQueryNode): void {
    this.#readsOther = true
    super.visitInsertQuery(filterInsert(node, this.#isFiltered))
  }

  protected override visitMergeQuery(node: MergeQueryNode): void {
    this.#readsOther = true
    super.visitMergeQuery(filterMerge(node, this.#isFiltered))
  }

  protected override appendValue(value: unknown): void {
    if (value === TENANT) this.#appendTenant()
    else super.appendValue(value)
  }

  #noteRead(from: OperationNode): void {
    const node = AliasNode.is(from) ? from.node : from
    // Compiled by themselves.
    if (SelectQueryNode.is(node) || ParensNode.is(node)) return
    if (TableNode.is(node) && this.#isFiltered(node.table)) this.#readsData = true
    else if (!TableNode.is(node) || !this.#isCommonTable(node.table)) this.#readsOther = true
  }

  #appendTenant(): void {
    if (this.#tenantAt === 0) {
      this.addParameter(TENANT)
      this.#tenantAt = this.numParameters
    }
    this.append(`$${this.#tenantAt}`)
  }

  readonly #isFiltered = (table: SchemableIdentifierNode): boolean =>
    this.#tables.has(table) && !this.#isCommonTable(table)

  // The name of a CTE hides a table of this name, in the query that has the WITH and below.
  #isCommonTable({ schema, identifier }: SchemableIdentifierNode): boolean {
    if (schema !== undefined) return false
    return this.nodeStack.some(
      (node, at) =>
        hasWith(node) &&
        commonTablesOf(node, this.nodeStack[at + 1], this.nodeStack[at + 2]).some(
          ({ name }) => name.table.table.identifier.name === identifier.name,
        ),
    )
  }
}

// `inside` is the next node on the way to the one that is compiled, and `current` the one after it.
function commonTablesOf(
  { with: own }: { with: WithNode },
  inside: OperationNode | undefined,
  current: OperationNode | undefined,
): readonly CommonTableExpressionNode[] {
  const { expressions, recursive } = own
  // Within the WITH itself, a CTE sees those before it.
  if (inside !== own || current === undefined || recursive === true) return expressions
  return CommonTableExpressionNode.is(current)
    ? expressions.slice(0, expressions.indexOf(current))
    : expressions
}

function hasWith(node: OperationNode): node is OperationNode & { with: WithNode } {
  return 'with' in node && isWith(node.with)
}

function isWith(value: unknown): value is WithNode {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'WithNode'
}
