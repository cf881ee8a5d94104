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
import { filterMerge, filterQuery, TENANT } from './filter_query.ts'
import type { TenantTables } from './tenant_tables.ts'

/** A compiled query that reads tables of the data plane and nothing else. */
const DATA_READ = Symbol('reads the data plane only')

/** Whether a query of a tenant scope reads tables of the data plane, and nothing else. */
export function isDataRead(query: CompiledQuery): boolean {
  return DATA_READ in query
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
    const isData = this.#readsData && !this.#readsOther
    return isData ? Object.assign({ [DATA_READ]: true }, compiled) : compiled
  }

  protected override visitRaw(node: RawNode): void {
    if (node.sqlFragments.some((it) => NAMES_TABLE.test(it))) this.#readsOther = true
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
    return this.nodeStack.some((node, at) =>
      commonTablesOf(node, this.nodeStack, at).some(
        ({ name }) => name.table.table.identifier.name === identifier.name,
      ),
    )
  }
}

function commonTablesOf(
  node: OperationNode,
  stack: readonly OperationNode[],
  at: number,
): readonly CommonTableExpressionNode[] {
  if (!('with' in node) || !isWith(node.with)) return []
  const { expressions, recursive } = node.with
  // Within the WITH itself, a CTE sees those before it.
  const [inside, current] = stack.slice(at + 1)
  if (inside !== node.with || current === undefined || recursive === true) return expressions
  return CommonTableExpressionNode.is(current)
    ? expressions.slice(0, expressions.indexOf(current))
    : expressions
}

function isWith(value: unknown): value is WithNode {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'WithNode'
}
