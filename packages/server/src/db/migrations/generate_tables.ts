import { withClient } from '../connect/with_client.ts'

interface ColumnRow {
  schema: string
  table: string
  column: string
  type: string
  nullable: boolean
  defaulted: boolean
  generated: boolean
  /** The validated CHECK constraints on this column alone, as PostgreSQL prints them. */
  checks: string[]
}

/** The TypeScript types of PostgreSQL's types, as the pool parses them: [read, write]. */
const typescript: Record<string, [string, string]> = {
  uuid: ['string', 'string'],
  text: ['string', 'string'],
  _text: ['string[]', 'string[]'],
  _uuid: ['string[]', 'string[]'],
  bool: ['boolean', 'boolean'],
  int2: ['number', 'number'],
  int4: ['number', 'number'],
  // The driver returns text, because a number is inexact beyond 2^53.
  int8: ['string', 'string | number | bigint'],
  numeric: ['string', 'string | number'],
  float8: ['number', 'number'],
  timestamptz: ['string', 'string | Date'],
  date: ['string', 'string'],
  jsonb: ['unknown', 'string'],
  bytea: ['Buffer', 'Buffer'],
}

/**
 * The source of a `tables.ts`: one interface for the tables of a schema, read from a migrated database.
 * Names include the schema unless it is `public`.
 */
export async function generateTables(
  url: string,
  schema: string,
  interfaceName: string,
): Promise<string> {
  const columns = await withClient(url, async (client) => {
    const { rows } = await client.query<ColumnRow>(columnsSql, [schema])
    return rows
  })
  const tables = groupByTable(columns)
  const members = [...tables].map(([table, columns]) => tableMember(schema, table, columns))
  return [
    '// Generated from a migrated database: npm run generate. Do not edit.',
    "import type { ColumnType } from 'kysely'",
    '',
    `export interface ${interfaceName} {`,
    ...members,
    '}',
    '',
  ].join('\n')
}

function tableMember(schema: string, table: string, columns: ColumnRow[]): string {
  const name = schema === 'public' ? table : `'${schema}.${table}'`
  return [`  ${name}: {`, ...columns.map(columnMember), '  }'].join('\n')
}

function columnMember(row: ColumnRow): string {
  const { column, nullable, defaulted, generated } = row
  const [read, write] = typesOf(row)
  const orNull = nullable ? ' | null' : ''
  if (generated) return `    ${column}: ColumnType<${read}${orNull}, never, never>`
  const insert = nullable || defaulted ? `${write}${orNull} | undefined` : write
  return `    ${column}: ColumnType<${read}${orNull}, ${insert}, ${write}${orNull}>`
}

function typesOf({ table, column, type, checks }: ColumnRow): [string, string] {
  if (type === 'jsonb' && checks.some((it) => OBJECT.test(it))) return jsonObject
  const values = checks.map(valuesIn).find((it) => it !== undefined)
  if (values === undefined) return typescript[type] ?? unknownType(table, column, type)
  const union = values.map((it) => `'${it}'`).join(' | ')
  return [union, union]
}

// The driver sends an object as JSON, but an array as one of PostgreSQL's and a text as it is.
const jsonObject: [string, string] = ['Record<string, unknown>', 'Record<string, unknown> | string']
const OBJECT = /^CHECK \(\(jsonb_typeof\(\w+\) = 'object'::text\)\)$/

// PostgreSQL prints `in ('a', 'b')`, `= any (array['a', 'b'])` and `= 'a'` in these forms. For any other
// CHECK, or a value that TypeScript would have to escape, the column keeps the type of its values.
const LITERAL = /'([^'\\\n]*)'::(?:text|character varying)/
const LIST = new RegExp(`${LITERAL.source}(?:, ${LITERAL.source})*`)
const ENUMERATION = new RegExp(
  `^CHECK \\(\\((?:\\w+|\\(\\w+\\)::text) = ` +
    `(?:${LITERAL.source}|ANY \\(\\(?ARRAY\\[${LIST.source}\\](?:\\)?::text\\[\\])?\\))\\)\\)$`,
)

function valuesIn(check: string): string[] | undefined {
  if (!ENUMERATION.test(check)) return undefined
  return [...check.matchAll(new RegExp(LITERAL, 'g'))].map(([, value = '']) => value)
}

function unknownType(table: string, column: string, type: string): never {
  throw new Error(`${table}.${column} has the type ${type}, which generate_tables.ts does not know`)
}

const columnsSql = `
  select n.nspname as schema, c.relname as table, a.attname as column, t.typname as type,
    not a.attnotnull as nullable, a.atthasdef or a.attidentity <> '' as defaulted,
    a.attgenerated <> '' as generated,
    array(select pg_get_constraintdef(con.oid) from pg_constraint con
      where con.conrelid = c.oid and con.contype = 'c' and con.convalidated
        and con.conkey = array[a.attnum] order by con.conname) as checks
  from pg_attribute a
  join pg_class c on c.oid = a.attrelid
  join pg_namespace n on n.oid = c.relnamespace
  join pg_type t on t.oid = a.atttypid
  where n.nspname = $1 and c.relkind in ('r', 'p') and a.attnum > 0 and not a.attisdropped
    and not (n.nspname = 'tenantry' and c.relname in ('kernel_migrations', 'app_migrations'))
  order by c.relname, a.attnum`

function groupByTable(columns: ColumnRow[]): Map<string, ColumnRow[]> {
  const tables = new Map<string, ColumnRow[]>()
  for (const column of columns) {
    tables.set(column.table, [...(tables.get(column.table) ?? []), column])
  }
  return tables
}
