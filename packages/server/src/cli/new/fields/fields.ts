import { OperatorError } from '../../../lib/operator_error.ts'
import { assertFieldName, camel } from '../names.ts'
import { type FieldType, fieldType, fieldTypes, type Literal } from './field_types.ts'

/** A column of the table, and a field of the API. */
export interface Field {
  name: string
  /** The constant of its schema: `amountCents`. */
  identifier: string
  type: FieldType
  /** The name of its type, and of an enum its values. */
  kind: string
  options?: string[]
  /** The table that it refers to. */
  references?: string
  /** May it be null? Then a request may leave it out. */
  nullable: boolean
  /** Within a tenant. */
  unique: boolean
  /** What a request that leaves it out means. */
  default?: Literal
}

/** Parses `number:text:unique due_on:date?`. Throws an OperatorError that names the invalid field. */
export function parseFields(text: string): Field[] {
  const fields = text.split(/[\s,]+/).filter((it) => it !== '')
  if (fields.length === 0) {
    throw new OperatorError('a resource needs at least one field: --fields "name:text"')
  }
  return fields.map(parseField).map((field, at, all) => {
    if (all.findIndex((it) => it.identifier === field.identifier) === at) return field
    throw new OperatorError(
      `the field "${field.name}" appears more than once: leave one out or choose another name`,
    )
  })
}

// name:type:argument:unique?=default
const FIELD = /^([^:=?]*):([^=?]+)(\?)?(?:=(.*))?$/s

function parseField(text: string): Field {
  const [, name = '', typed = '', nullable, written] = FIELD.exec(text) ?? []
  if (typed === '') throw notAField(text)
  assertFieldName(name)
  if (reserved.has(name)) throw new OperatorError(`every resource has "${name}": leave it out`)
  const { kind, args, unique } = partsOf(name, typed)
  const type = fieldType(name, kind, args)
  if (type === undefined) throw unknownType(name, kind)
  const field: Field = {
    name,
    identifier: camel(name),
    kind,
    type,
    nullable: nullable !== undefined,
    unique,
    ...(kind === 'enum' ? { options: args } : {}),
    ...(kind === 'references' ? { references: tableIn(name, args) } : {}),
  }
  assertUnique(field)
  assertNoParameter(field)
  return written === undefined ? field : { ...field, default: defaultOf(field, typed, written) }
}

/** The column of a field, without its name: `text not null default 'open' check (…)`. */
export function sqlOf(field: Field): string {
  const check = field.type.check?.(field.name)
  return [columnOf(field), ...(check === undefined ? [] : [`check (${check})`])].join(' ')
}

/** The same without its check. */
export function columnOf({ type, nullable, default: literal }: Field): string {
  return [
    type.column,
    ...(nullable ? [] : ['not null']),
    ...(literal === undefined ? [] : [`default ${literal.sql}`]),
  ].join(' ')
}

function partsOf(name: string, typed: string) {
  const [kind = '', ...args] = typed.split(':')
  const unique = args.at(-1) === 'unique'
  if (unique && kind === 'enum') {
    throw new OperatorError(
      `"${name}" cannot be unique, because an enum repeats: leave out :unique`,
    )
  }
  return { kind, args: unique ? args.slice(0, -1) : args, unique }
}

// What is searched and compared behind row-level security has to be leakproof (L11), and the sweeps have to
// find another value for each row.
function assertUnique({ name, kind, type, unique }: Field): void {
  if (!unique || type.unique !== undefined) return
  const instead = { integer: `${name}:bigint:unique`, text: `${name}:text:40:unique` }[kind]
  const what = instead === undefined ? 'text, bigint and uuid can: leave out :unique' : instead
  throw new OperatorError(
    `"${name}" cannot be unique as ${kind}; ${instead === undefined ? what : `write ${what}`}`,
  )
}

// Every list has these parameters, and an enum or a reference is a filter of its list.
function assertNoParameter({ name, type }: Field): void {
  if (type.list !== 'filter' || !['limit', 'cursor', 'sort', 'count', 'q'].includes(name)) return
  throw new OperatorError(
    `"${name}" cannot be an enum, because every list has a parameter of that name: choose another name`,
  )
}

function defaultOf(
  { name, kind, type, nullable, unique }: Field,
  typed: string,
  written: string,
): Literal {
  if (type.default === undefined) {
    throw new OperatorError(`"${name}" cannot have a default as ${kind}: leave out "=${written}"`)
  }
  if (nullable) throw new OperatorError(`"${name}" has a default and is never null: leave out "?"`)
  if (unique) throw new OperatorError(`"${name}" is unique: leave out its default "=${written}"`)
  const literal = type.default.parse(written)
  if (literal !== undefined) return literal
  throw new OperatorError(
    `"${written}" is not a default for "${name}": write one without quotes, such as ${name}:${typed}=${type.default.example}`,
  )
}

function tableIn(name: string, [table, ...more]: string[]): string {
  if (table !== undefined && more.length === 0 && name.endsWith('_id')) return table
  const example = `${name.replace(/_id$/, '')}_id:references:${table ?? 'projects'}`
  throw new OperatorError(`"${name}" must end in _id and name one table, such as ${example}`)
}

function unknownType(name: string, kind: string): OperatorError {
  const [, table] = /^(?:ref|reference|references|belongs_to)\b\W*(\w*)/.exec(kind) ?? []
  if (table !== undefined) {
    const column = `${name.replace(/_id$/, '')}_id`
    return new OperatorError(
      `"${kind}" of "${name}" is not a type: write ${column}:references:${table || 'projects'}`,
    )
  }
  const known = fieldTypes.join(', ')
  return new OperatorError(`"${kind}" of "${name}" is not a type; the types are ${known}`)
}

function notAField(text: string): OperatorError {
  const [, name, type] = /^(\w+)\?:(\w+)$/.exec(text) ?? []
  const example = name === undefined ? 'name:type, such as number:text' : `${name}:${type}?`
  return new OperatorError(`"${text}" is not a field: write ${example}`)
}

const reserved = new Set(['tenant_id', 'id', 'created_at', 'updated_at'])
