import { z } from 'zod'

/** The parameters that every list accepts. */
export interface PageInput {
  limit: number
  cursor?: string | undefined
  sort?: string | undefined
  q?: string | undefined
  count?: 'true' | 'false' | undefined
}

/** A column that a list sorts by. PostgreSQL sorts nulls last, and first in descending order. */
export interface SortKey {
  column: string
  down: boolean
  nullable: boolean
}

interface ListOrders {
  /** By value of the parameter `sort`. Each ends with the id, so that an order has no ties. */
  readonly sorts: Readonly<Record<string, readonly SortKey[]>>
  /** What the list declares, as it is written there. An index serves each order and its reverse. */
  readonly orders: readonly (readonly SortKey[])[]
}

/** A field, descending after `-`: `-created_at`. */
type Direction<Field extends string> = Field | `-${Field}`

/** One field, or several with a direction each: `['state', '-created_at']`. */
type DeclaredOrder<Field extends string> = Field | readonly Direction<Field>[]

type Shape = z.core.$ZodShape
type FieldOf<Item extends z.ZodObject> = keyof Item['shape'] & string

export interface ListOptions<
  Item extends z.ZodObject,
  Params extends Shape,
  Filter extends FieldOf<Item>,
> {
  /** The table of the rows, such as `projects`. */
  table: string
  /** The table's alias in the query. The default is its name. */
  as?: string
  /** The columns of fields that are called otherwise: `{ id: 'user_id' }`. */
  columns?: { readonly [Name in FieldOf<Item>]?: string }
  /** The fields that a client may filter by: `?state=active`. */
  filters?: readonly Filter[]
  /**
   * What a client may sort by, besides `id`: a field, `?sort=-created_at`, or several with a direction each,
   * `['state', '-created_at']`. The reverse of each is another order, which the same index serves.
   */
  sorts?: readonly DeclaredOrder<FieldOf<Item>>[]
  /** The columns that `?q=` searches by prefix: in lower case, of `collate "C"`. */
  q?: readonly string[]
  /** Further parameters, which the handler applies to its rows: `{ from: z.iso.datetime().optional() }`. */
  params?: Params
}

/** A list that a route returns in pages: its parameters, its reply, and the columns that they read. */
export interface List<
  Item extends z.ZodObject = z.ZodObject,
  Params extends Shape = Shape,
  Filter extends string = string,
> extends ListOrders {
  readonly query: z.ZodType<
    PageInput & { [Name in Filter]?: unknown } & z.output<z.ZodObject<Params>>
  >
  readonly reply: Page<Item>
  readonly table: string
  readonly id: string
  /** By parameter. */
  readonly filters: Readonly<Record<string, string>>
  readonly q: readonly string[]
  /** What precedes a column in the query. */
  readonly prefix: string
}

/** The validated query of a list. */
export type ListQuery<L extends { readonly query: z.ZodType }> = z.output<L['query']>

type Page<Item extends z.ZodType> = z.ZodObject<{
  items: z.ZodArray<Item>
  next_cursor: z.ZodNullable<z.ZodString>
  total: z.ZodOptional<z.ZodInt>
}>

/** The longest cursor, in characters. */
export const MAX_CURSOR = 4_096

/** The most rows that `count=true` counts: a total of this many means that there may be more. */
export const MAX_TOTAL = 10_000

/** The reply of every list. `next_cursor` is null on the last page. */
export function pageOf<Item extends z.ZodType>(item: Item): Page<Item> {
  return z.object({
    items: z.array(item),
    next_cursor: z.string().nullable(),
    total: z
      .int()
      .optional()
      .meta({ description: 'With count=true: the number of items, at most 10,000' }),
  })
}

/**
 * Declares a list of `item`: what a client may filter by, sort by and search. A development server warns,
 * and a production server does not start, without an index for each: docs/lists.md.
 */
export function defineList<
  Item extends z.ZodObject,
  Params extends Shape = Record<never, never>,
  Filter extends FieldOf<Item> = never,
>(item: Item, options: ListOptions<Item, Params, Filter>): List<Item, Params, Filter> {
  const { table, as = table, columns = {}, filters = [], sorts = [], q = [], params } = options
  const columnOf = (field: string) => Object(columns)[field] ?? field
  const shape: Record<string, z.ZodType> = item.shape
  assertFree([...filters, ...Object.keys(params ?? {})])
  const orders = listOrders(sorts, { columnOf, isNullable: (field) => isNullable(shape[field]) })
  return {
    ...orders,
    // The compiler cannot follow fields that are chosen by name.
    query: z.object({
      ...pageFields(Object.keys(orders.sorts), q),
      ...Object.fromEntries(filters.map((name) => [name, filterSchema(name, shape[name])])),
      ...params,
    }) as unknown as List<Item, Params, Filter>['query'],
    reply: pageOf(item),
    table,
    id: columnOf('id'),
    filters: Object.fromEntries(filters.map((name) => [name, columnOf(name)])),
    q,
    prefix: as,
  }
}

const pageParameters = ['limit', 'cursor', 'sort', 'count', 'q']

function assertFree(names: readonly string[]): void {
  const taken = names.find((it) => pageParameters.includes(it))
  if (taken === undefined) return
  throw new Error(`a list cannot filter by "${taken}": every list has a parameter of that name`)
}

function pageFields(sorts: readonly string[], q: readonly string[]): Record<string, z.ZodType> {
  const limit = z.coerce.number().int().min(1).max(100).default(50)
  const count = 'Whether the reply has the total, counted up to 10,000'
  const order =
    'The order: a field, descending after `-`, or several. Equal items follow by id, in the direction ' +
    'of the last field unless the order names id'
  const search = 'Only items that start with this, in upper or lower case'
  return {
    limit,
    cursor: z.string().min(1).max(MAX_CURSOR).optional(),
    sort: z.enum(sorts).default('-id').meta({ description: order }),
    ...(q.length === 0
      ? {}
      : {
          q: z.string().min(1).max(200).normalize('NFC').optional().meta({ description: search }),
        }),
    count: z.enum(['true', 'false']).optional().meta({ description: count }),
  }
}

function filterSchema(name: string, field: z.ZodType | undefined): z.ZodType {
  const schema = field === undefined ? undefined : withoutNull(field)
  if (schema instanceof z.ZodBoolean) return z.enum(['true', 'false']).optional()
  if (schema instanceof z.ZodNumber) return z.coerce.number().pipe(schema).optional()
  if (schema === undefined || !isText(schema)) {
    throw new Error(
      `a list cannot filter by "${name}": only texts, numbers, booleans and enums can`,
    )
  }
  return schema.optional()
}

function isText(schema: z.ZodType): boolean {
  return (
    schema instanceof z.ZodString ||
    schema instanceof z.ZodStringFormat ||
    schema instanceof z.ZodEnum ||
    schema instanceof z.ZodLiteral
  )
}

function withoutNull(schema: z.ZodType): z.ZodType {
  const isWrapped =
    schema instanceof z.ZodNullable ||
    schema instanceof z.ZodOptional ||
    schema instanceof z.ZodDefault
  return isWrapped ? withoutNull(schema.unwrap() as z.ZodType) : schema
}

function isNullable(schema: z.ZodType | undefined): boolean {
  return schema?.safeParse(null).success ?? false
}

interface Terms {
  columnOf: (field: string) => string
  isNullable: (field: string) => boolean
}

/**
 * What a client may sort by: the id, each declared order and its reverse. Items that are equal follow by id, in
 * the direction of the last field unless the order names another one: `['-created_at', 'id']`.
 */
function listOrders(
  declared: readonly DeclaredOrder<string>[],
  { columnOf, isNullable }: Terms,
): ListOrders {
  const keyOf = (term: string): SortKey => {
    const field = fieldOf(term)
    return { column: columnOf(field), down: isDown(term), nullable: isNullable(field) }
  }
  const orders = declared.map((it) => (typeof it === 'string' ? [it] : it))
  for (const order of orders) assertOrder(order)
  const sorts: Record<string, SortKey[]> = {}
  for (const order of [['id'], ...orders].flatMap((it) => [it, reversed(it)])) {
    for (const [sort, terms] of spellings(order)) sorts[sort] ??= terms.map(keyOf)
  }
  return {
    sorts,
    orders: orders.filter((it) => it.join() !== 'id').map((it) => it.map(keyOf)),
  }
}

// The ways to write an order: a client may leave the id out, or name it.
function spellings(order: readonly string[]): [sort: string, terms: readonly string[]][] {
  const last = order.at(-1) ?? ''
  const isById = fieldOf(last) === 'id'
  const whole = isById ? order : [...order, isDown(last) ? '-id' : 'id']
  const fields = isById ? order.slice(0, -1) : order
  return [fields, whole].filter((it) => it.length > 0).map((it) => [it.join(), whole])
}

function assertOrder(order: readonly string[]): void {
  const fields = order.map(fieldOf)
  if (fields.length === 0) throw new Error('a list cannot sort by no field')
  const twice = fields.find((it, at) => fields.indexOf(it) !== at)
  if (twice !== undefined) throw new Error(`a list cannot sort by "${twice}" twice: ${order}`)
  if (fields.slice(0, -1).includes('id')) {
    throw new Error(`a list cannot sort by anything after the id, which has no equals: ${order}`)
  }
}

function reversed(order: readonly string[]): string[] {
  return order.map((it) => (isDown(it) ? fieldOf(it) : `-${it}`))
}

function isDown(term: string): boolean {
  return term.startsWith('-')
}

function fieldOf(term: string): string {
  return isDown(term) ? term.slice(1) : term
}
