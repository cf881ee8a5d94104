import { type Kysely, type RawBuilder, type SelectQueryBuilder, type SqlBool, sql } from 'kysely'
import type { Cursors } from '../app/context.ts'
import { type List, MAX_TOTAL, type PageInput, type SortKey } from '../app/list.ts'

/** A page of a list. `next_cursor` is null on the last one. */
export interface ListPage<Row> {
  items: Row[]
  next_cursor: string | null
  /** Only with `count=true`. */
  total?: number
}

interface ListContext<DB> {
  db: Kysely<DB>
  cursors: Cursors
}

/**
 * Reads one page of `rows` as the query of a list asks: filtered, searched, sorted, after the cursor.
 * Stable while rows are added: a page starts after the last row of the previous page, never at an offset.
 */
export async function readList<DB, Tables, TB extends keyof Tables, Row>(
  ctx: ListContext<DB>,
  list: ListColumns,
  query: PageInput,
  rows: SelectQueryBuilder<Tables, TB, Row>,
): Promise<ListPage<Row>> {
  const keys = keysOf(list, query.sort ?? '-id')
  const found = conditionsOf(list, query).reduce((all, it) => all.where(it), rows)
  const after = query.cursor === undefined ? undefined : ctx.cursors.open(query.cursor)
  const rest = after === undefined ? found : found.where(afterRow(valuesAt(keys, after)))
  const selected = keys
    .reduce((all, { ref, down }) => all.orderBy(ref, down ? 'desc' : 'asc'), rest)
    .limit(query.limit + 1)
    .select(sql`array[${sql.join(keys.map(({ ref }) => sql`${ref}::text`))}]`.as(POSITION))
  // Kysely cannot name the columns of a row that this function does not know.
  const page = (await selected.execute()) as (Row & Position)[]
  const last = page.length > query.limit ? page[query.limit - 1] : undefined
  const items = page.slice(0, query.limit).map(withoutPosition)
  const next_cursor = last === undefined ? null : ctx.cursors.seal(JSON.stringify(last[POSITION]))
  if (query.count !== 'true') return { items, next_cursor }
  return { items, next_cursor, total: await countOf(ctx.db, found) }
}

type ListColumns = Pick<List, 'id' | 'filters' | 'sorts' | 'q' | 'prefix'>
type Column = ReturnType<typeof sql.ref>

// A name of its own: the columns of the app keep theirs.
const POSITION = 'tenantry_position'

interface Position {
  [POSITION]: (string | null)[]
}

interface Key extends SortKey {
  ref: Column
}

function keysOf(list: ListColumns, sort: string): Key[] {
  const keys = list.sorts[sort] ?? [{ column: list.id, down: true, nullable: false }]
  return keys.map((it) => ({ ...it, ref: sql.ref(`${list.prefix}.${it.column}`) }))
}

function conditionsOf(list: ListColumns, query: PageInput) {
  const given: Record<string, unknown> = { ...query }
  const ref = (name: string) => sql.ref(`${list.prefix}.${name}`)
  const filters = Object.entries(list.filters)
    .filter(([name]) => given[name] !== undefined)
    .map(([name, column]) => sql<SqlBool>`${ref(column)} = ${given[name]}`)
  const { q } = query
  if (q === undefined || list.q.length === 0) return filters
  const found = list.q.map((column) => startsWith(ref(column), q))
  return [...filters, sql<SqlBool>`(${sql.join(found, sql` or `)})`]
}

// A range and not LIKE, which is not leakproof: behind row-level security it would use no index. The
// range is that of a prefix under collate "C" only: U+10FFFF is the greatest character.
function startsWith(column: Column, prefix: string) {
  return sql`(${column} >= lower(${prefix}::text) and ${column} < lower(${prefix}::text) || ${'\u{10FFFF}'})`
}

function withoutPosition<Row>({ [POSITION]: _position, ...row }: Row & Position): Row {
  // What remains is the row as it was selected.
  return row as unknown as Row
}

interface KeyAt extends Key {
  /** The text of the column, exact to the microsecond: it takes the column's type again in a comparison. */
  value: string | null
}

function valuesAt(keys: readonly Key[], position: string): KeyAt[] {
  // Sealed by readList: a cursor that was not is rejected before.
  const values = JSON.parse(position) as (string | null)[]
  return keys.map((it, at) => ({ ...it, value: values[at] ?? null }))
}

// Where the order allows it, a condition starts with a bound of the first column: an index is read from there.
function afterRow(keys: readonly KeyAt[]): RawBuilder<SqlBool> {
  const [first, ...others] = keys
  if (first === undefined || others.length === 0 || isOneRange(keys)) return rangeAfter(keys)
  const { ref, value, down, nullable } = first
  const rest = afterRow(others)
  if (value === null) {
    return down ? sql`(${ref} is not null or ${rest})` : sql`(${ref} is null and ${rest})`
  }
  if (down) return sql`(${ref} <= ${value} and (${ref} < ${value} or ${rest}))`
  return nullable
    ? sql`(${ref} > ${value} or ${ref} is null or (${ref} = ${value} and ${rest}))`
    : sql`(${ref} >= ${value} and (${ref} > ${value} or ${rest}))`
}

// A comparison of rows is one range of an index. It finds no nulls, which follow only in ascending order.
function isOneRange(keys: readonly KeyAt[]): boolean {
  const isDown = keys[0]?.down
  return keys.every((it) => it.down === isDown && it.value !== null && (isDown || !it.nullable))
}

function rangeAfter(keys: readonly KeyAt[]): RawBuilder<SqlBool> {
  const beyond = sql.raw(keys[0]?.down === true ? '<' : '>')
  const refs = sql.join(keys.map(({ ref }) => ref))
  return sql`(${refs}) ${beyond} (${sql.join(keys.map(({ value }) => value))})`
}

async function countOf<DB, Tables, TB extends keyof Tables, Row>(
  db: Kysely<DB>,
  rows: SelectQueryBuilder<Tables, TB, Row>,
): Promise<number> {
  const counted = rows.clearSelect().select(sql`1`.as('one')).limit(MAX_TOTAL)
  const { rows: found } = await sql<{ total: number }>`
    select count(*)::int as total from (${counted}) counted`.execute(db)
  return found[0]?.total ?? 0
}
