import { z } from 'zod'
import { OperatorError } from '../../../lib/operator_error.ts'

/** A literal in a migration and in a schema. */
export interface Literal {
  sql: string
  typescript: string
}

/** What a type of field is in the table, in the API and in the test. */
export interface FieldType {
  /** How a list reads it: an enum filters, the first text is searched. */
  list?: 'filter' | 'search'
  /** The type of the column. */
  column: string
  /** The condition of its CHECK. */
  check?(column: string): string
  /** Its schema, which rejects what PostgreSQL would reject later. */
  zod: string
  /** Two values for the test, as TypeScript. */
  examples: [string, string]
  /** Another value for each row of the test, as TypeScript, if it can be unique. */
  unique?: string
  /** A default that could be written, and what a written one means. Without it there is none. */
  default?: { example: string; parse(text: string): Literal | undefined }
}

/** A type by its name and arguments: `decimal:12:2`. Undefined if there is no such type. */
export function fieldType(name: string, kind: string, args: string[]): FieldType | undefined {
  const make = Object.hasOwn(types, kind) ? types[kind] : undefined
  return make?.(name, args)
}

/** All types, those with arguments by an example. */
export const fieldTypes = [
  'text',
  'longtext',
  'integer',
  'bigint',
  'decimal:12:2',
  'boolean',
  'date',
  'timestamp',
  'uuid',
  'jsonb',
  'enum:open:closed',
  'references:projects',
]

const types: Record<string, (name: string, args: string[]) => FieldType> = {
  text: (name, args) => textType(lengthIn(name, 'text', args, { usual: 200, most: 500 })),
  longtext: (name, args) =>
    longTextType(lengthIn(name, 'longtext', args, { usual: 10_000, most: 100_000 })),
  integer: (name, args) =>
    plain(name, 'integer', args, {
      column: 'integer',
      zod: 'z.int32()',
      examples: ['1', '2'],
      default: { example: '0', parse: integerDefault },
    }),
  // A string in JSON: numbers are exact to 2^53 only.
  bigint: (name, args) =>
    plain(name, 'bigint', args, {
      column: 'bigint',
      zod: 'z.string().regex(/^-?\\d{1,18}$/)',
      examples: ["'9007199254740993'", "'2'"],
      unique: 'String(++rows)',
      default: { example: '0', parse: bigintDefault },
    }),
  decimal: decimalType,
  boolean: (name, args) =>
    plain(name, 'boolean', args, {
      column: 'boolean',
      zod: 'z.boolean()',
      examples: ['false', 'true'],
      default: {
        example: 'false',
        parse: (text) =>
          /^(true|false)$/.test(text) ? { sql: text, typescript: text } : undefined,
      },
    }),
  date: (name, args) =>
    plain(name, 'date', args, {
      column: 'date',
      zod: 'z.iso.date()',
      examples: ["'2026-01-31'", "'2026-02-28'"],
      default: {
        example: '2026-01-31',
        parse: (text) => (z.iso.date().safeParse(text).success ? quoted(text) : undefined),
      },
    }),
  timestamp: (name, args) =>
    plain(name, 'timestamp', args, {
      column: 'timestamptz',
      zod: 'z.iso.datetime()',
      examples: ["'2026-01-31T12:00:00.000Z'", "'2026-02-28T12:00:00.000Z'"],
      default: {
        example: '2026-01-31T12:00:00Z',
        parse: (text) => (z.iso.datetime().safeParse(text).success ? quoted(text) : undefined),
      },
    }),
  uuid: (name, args) =>
    plain(name, 'uuid', args, {
      column: 'uuid',
      zod: 'z.uuid()',
      examples: [
        "'0198a0c5-0000-7000-8000-000000000001'",
        "'0198a0c5-0000-7000-8000-000000000002'",
      ],
      unique: 'randomUUID()',
    }),
  // An object of any content. Its length is limited, because a page of a list holds a hundred of them.
  jsonb: (name, args) =>
    plain(name, 'jsonb', args, {
      column: 'jsonb',
      check: (column) => `jsonb_typeof(${column}) = 'object'`,
      zod: `z
  .record(z.string(), z.unknown())
  .refine((it) => JSON.stringify(it).length <= 10_000, 'must have at most 10,000 characters as JSON')
  .meta({ 'x-open': 'an object that clients define' })`,
      examples: ["{ colour: 'red', sizes: [1, 2] }", '{}'],
      default: {
        example: '{}',
        parse: (text) => (text === '{}' ? { sql: "'{}'", typescript: '{}' } : undefined),
      },
    }),
  // Text with a CHECK: behind row-level security an index on one of PostgreSQL's enums is not used (L11).
  enum: enumType,
  // The test sets the id once it has created the row that the field refers to.
  references: (name) => ({
    column: 'uuid',
    zod: 'z.uuid()',
    examples: ["''", `example.${name}`],
  }),
}

function textType(length: number): FieldType {
  return {
    list: 'search',
    column: 'text',
    check: (column) => `length(${column}) between 1 and ${length}`,
    zod: `z.string().trim().min(1).max(${digits(length)})`,
    examples: [`'${'First'.slice(0, length)}'`, `'${'Second'.slice(0, length)}'`],
    // The sweeps fill tables with copies, whose unique texts they lengthen.
    ...(length < MIN_UNIQUE ? {} : { unique: 'String(++rows)' }),
    default: {
      example: 'none',
      parse: (text) => (SAFE_TEXT.test(text) && text.length <= length ? quoted(text) : undefined),
    },
  }
}

const MIN_UNIQUE = 30

// Not trimmed, and empty if the client says so: the text of a person in several lines.
function longTextType(length: number): FieldType {
  return {
    column: 'text',
    check: (column) => `length(${column}) <= ${length}`,
    zod: `z.string().max(${digits(length)})`,
    examples: ["'First line\\nSecond line'", "''"],
    default: {
      example: '',
      parse: (text) => (text === '' || SAFE_TEXT.test(text) ? quoted(text) : undefined),
    },
  }
}

const SAFE_TEXT = /^[\w.@+:/#%-]+$/

// A string in JSON, as numeric is in PostgreSQL: a binary number cannot hold 0.10.
function decimalType(name: string, args: string[]): FieldType {
  const [precision = Number.NaN, scale = Number.NaN] = args.map(Number)
  const isRight = args.length === 2 && args.every((it) => /^\d{1,3}$/.test(it))
  if (!isRight || scale >= precision || precision > 131 || scale < 1) {
    throw new OperatorError(
      `"${name}" needs its number of digits and how many of them follow the point: ${name}:decimal:12:2`,
    )
  }
  const pattern = `^-?\\d{1,${precision - scale}}(\\.\\d{1,${scale}})?$`
  const shown = (text: string) => {
    const [whole, fraction = ''] = text.split('.')
    return `'${whole}.${fraction.padEnd(scale, '0')}'`
  }
  return {
    column: `numeric(${precision}, ${scale})`,
    zod: `z.string().regex(/${pattern}/)`,
    examples: [shown('1.1'), shown('2')],
    default: {
      example: '0',
      parse: (text) =>
        new RegExp(pattern).test(text) ? { sql: text, typescript: shown(text) } : undefined,
    },
  }
}

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
    list: 'filter',
    column: 'text',
    check: (column) => `${column} in (${list})`,
    zod: `z.enum([${list}])`,
    examples: [`'${first}'`, `'${second}'`],
    default: {
      example: first,
      parse: (text) => (values.includes(text) ? quoted(text) : undefined),
    },
  }
}

const VALUE = /^[\w-]{1,60}$/

function plain(name: string, kind: string, args: string[], type: FieldType): FieldType {
  if (args.length === 0) return type
  throw new OperatorError(`"${args[0]}" is nothing that ${kind} accepts: write ${name}:${kind}`)
}

interface Lengths {
  usual: number
  most: number
}

function lengthIn(name: string, kind: string, args: string[], { usual, most }: Lengths): number {
  const [given, ...more] = args
  if (given === undefined) return usual
  const length = /^[1-9]\d{0,6}$/.test(given) ? Number(given) : Number.NaN
  if (more.length === 0 && length <= most) return length
  const longer = kind === 'text' && length > most ? `, or for longer ones ${name}:longtext` : ''
  throw new OperatorError(
    `"${args.join(':')}" is not a length of ${kind}, which is 1 to ${most}: write ${name}:${kind}:${usual}${longer}`,
  )
}

function integerDefault(text: string): Literal | undefined {
  if (!/^-?\d{1,10}$/.test(text) || !z.int32().safeParse(Number(text)).success) return undefined
  const number = String(Number(text))
  return { sql: number, typescript: number }
}

function bigintDefault(text: string): Literal | undefined {
  if (!/^-?\d{1,18}$/.test(text)) return undefined
  const number = String(BigInt(text))
  return { sql: number, typescript: `'${number}'` }
}

function quoted(text: string): Literal {
  return { sql: `'${text}'`, typescript: `'${text}'` }
}

/** `10_000`, as the formatter's rules have it. */
function digits(number: number): string {
  return String(number).replaceAll(/\B(?=(\d{3})+$)/g, '_')
}
