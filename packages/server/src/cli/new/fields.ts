import { OperatorError } from '../../lib/operator_error.ts'
import { assertFieldName, camel } from './names.ts'

/** A column of the table, and a field of the API. */
export interface Field {
  name: string
  /** The constant of its schema: `amountCents`. */
  identifier: string
  type: FieldType
  /** The table that it refers to. */
  references?: string
}

interface FieldType {
  /** Type and constraints of the column. */
  sql(column: string): string
  zod: string
  /** Two values for the test, as TypeScript. */
  examples: [string, string]
}

/** The types without arguments. Each schema rejects what PostgreSQL would reject later. */
const plainTypes: Record<string, FieldType> = {
  text: {
    sql: (column) => `text not null check (length(${column}) between 1 and 200)`,
    zod: 'z.string().trim().min(1).max(200)',
    examples: ["'First'", "'Second'"],
  },
  integer: { sql: () => 'integer not null', zod: 'z.int32()', examples: ['1', '2'] },
  // A string in JSON: numbers are exact to 2^53 only.
  bigint: {
    sql: () => 'bigint not null',
    zod: 'z.string().regex(/^-?\\d{1,18}$/)',
    examples: ["'9007199254740993'", "'2'"],
  },
  boolean: { sql: () => 'boolean not null', zod: 'z.boolean()', examples: ['false', 'true'] },
  date: {
    sql: () => 'date not null',
    zod: 'z.iso.date()',
    examples: ["'2026-01-31'", "'2026-02-28'"],
  },
  timestamp: {
    sql: () => 'timestamptz not null',
    zod: 'z.iso.datetime()',
    examples: ["'2026-01-31T12:00:00.000Z'", "'2026-02-28T12:00:00.000Z'"],
  },
  uuid: {
    sql: () => 'uuid not null',
    zod: 'z.uuid()',
    examples: ["'0198a0c5-0000-7000-8000-000000000001'", "'0198a0c5-0000-7000-8000-000000000002'"],
  },
}

/** All types, those with arguments by an example. */
export const fieldTypes = [...Object.keys(plainTypes), 'enum:open:closed', 'references:projects']

/** Parses `number:text due_on:date`. Throws an OperatorError that names the invalid field. */
export function parseFields(text: string): Field[] {
  const fields = text.split(/[\s,]+/).filter((it) => it !== '')
  if (fields.length === 0) {
    throw new OperatorError('a resource needs at least one field: --fields "name:text"')
  }
  return fields.map(parseField).map((field, at, all) => {
    if (all.findIndex((it) => it.identifier === field.identifier) === at) return field
    throw new OperatorError(`the field "${field.name}" appears more than once`)
  })
}

function parseField(text: string): Field {
  const [name = '', typeName, ...args] = text.split(':')
  if (typeName === undefined) throw notAField(text)
  assertFieldName(name)
  if (reserved.has(name)) throw new OperatorError(`every resource has "${name}": leave it out`)
  const field = { name, identifier: camel(name) }
  if (typeName === 'enum') return { ...field, type: enumType(name, args) }
  if (typeName === 'references') {
    return { ...field, type: referenceType(name), references: tableIn(name, args) }
  }
  const type = Object.hasOwn(plainTypes, typeName) ? plainTypes[typeName] : undefined
  if (type === undefined) {
    const known = fieldTypes.join(', ')
    throw new OperatorError(`"${typeName}" of "${name}" is not a type; the types are ${known}`)
  }
  if (args.length > 0) throw notAField(text)
  return { ...field, type }
}

// Text with a CHECK: behind row-level security an index on one of PostgreSQL's enums is not used (L11).
function enumType(name: string, values: string[]): FieldType {
  const [first, second = first] = values
  const wrong = values.find((it, at) => !VALUE.test(it) || values.indexOf(it) !== at)
  if (first === undefined || second === undefined || wrong !== undefined) {
    throw new OperatorError(
      `"${name}" needs values of letters, digits, "_" and "-", each once: ${name}:enum:open:closed`,
    )
  }
  const list = values.map((it) => `'${it}'`).join(', ')
  return {
    sql: (column) => `text not null check (${column} in (${list}))`,
    zod: `z.enum([${list}])`,
    examples: [`'${first}'`, `'${second}'`],
  }
}

const VALUE = /^[\w-]{1,60}$/

// The test sets the id once it has created the row that the field refers to.
function referenceType(name: string): FieldType {
  return { sql: () => 'uuid not null', zod: 'z.uuid()', examples: ["''", `example.${name}`] }
}

function tableIn(name: string, [table, ...more]: string[]): string {
  if (table !== undefined && more.length === 0 && name.endsWith('_id')) return table
  throw new OperatorError(
    `"${name}" must end in _id and name one table, such as project_id:references:projects`,
  )
}

function notAField(text: string): OperatorError {
  return new OperatorError(`"${text}" is not a field: write name:type, such as number:text`)
}

const reserved = new Set(['tenant_id', 'id', 'created_at', 'updated_at'])
