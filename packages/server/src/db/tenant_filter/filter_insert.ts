import {
  AliasNode,
  CastNode,
  ColumnNode,
  DataTypeNode,
  IdentifierNode,
  type InsertQueryNode,
  type OperationNode,
  PrimitiveValueListNode,
  SelectionNode,
  SelectQueryNode,
  ValueListNode,
  ValueNode,
  ValuesNode,
} from 'kysely'
import { type IsFiltered, TENANT } from './filter_query.ts'

/**
 * Names the tenant among the values of an INSERT into a table of the data plane, unless it does itself. An
 * ON CONFLICT needs no filter: each unique key of such a table starts with tenant_id. Where the rows come
 * from raw SQL, the default of the column fills it in.
 */
export function filterInsert(query: InsertQueryNode, isFiltered: IsFiltered): InsertQueryNode {
  const { into, columns, values } = query
  if (into === undefined || !isFiltered(into.table)) return query
  if (query.defaultValues === true) return withValues(query, [], onlyTenant)
  if (columns === undefined || values === undefined || columns.some(isTenant)) return query
  const rows = rowsWithTenant(values)
  return rows === undefined ? query : withValues(query, columns, rows)
}

const column = ColumnNode.create('tenant_id')
const onlyTenant = ValuesNode.create([PrimitiveValueListNode.create([TENANT])])
const value = ValueNode.create(TENANT)
// In a list of results PostgreSQL cannot know the type of a parameter.
const cast = CastNode.create(value, DataTypeNode.create('uuid'))
const selection = SelectionNode.create(AliasNode.create(cast, IdentifierNode.create('tenant_id')))

function isTenant({ column: { name } }: ColumnNode): boolean {
  return name === 'tenant_id'
}

function withValues(
  query: InsertQueryNode,
  columns: readonly ColumnNode[],
  values: OperationNode,
): InsertQueryNode {
  return { ...query, defaultValues: false, columns: [...columns, column], values }
}

function rowsWithTenant(rows: OperationNode): OperationNode | undefined {
  if (SelectQueryNode.is(rows)) return selectionWithTenant(rows)
  if (!ValuesNode.is(rows)) return
  return ValuesNode.create(
    rows.values.map((row) =>
      row.kind === 'PrimitiveValueListNode'
        ? PrimitiveValueListNode.create([...row.values, TENANT])
        : ValueListNode.create([...row.values, value]),
    ),
  )
}

// All parts of a UNION get the column, or none does.
function selectionWithTenant(query: SelectQueryNode): SelectQueryNode | undefined {
  const { selections = [], setOperations = [] } = query
  const parts = setOperations.map((it) => {
    const part = SelectQueryNode.is(it.expression) ? selectionWithTenant(it.expression) : undefined
    return part && { ...it, expression: part }
  })
  const complete = parts.filter((it) => it !== undefined)
  if (complete.length < parts.length) return
  return {
    ...query,
    selections: [...selections, selection],
    ...(parts.length > 0 && { setOperations: complete }),
  }
}
