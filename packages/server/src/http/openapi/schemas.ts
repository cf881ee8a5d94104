import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import type { Route } from '../../app/route.ts'

/** JSON Schema 2020-12, the dialect of OpenAPI 3.1. */
export type JsonSchema = Record<string, unknown>

/** Whether a schema describes what a client sends or what it is sent. */
export type Direction = 'input' | 'output'

/** One field of an object schema. */
export interface Field {
  name: string
  required: boolean
  schema: JsonSchema
}

/** The schemas of a document: named ones are components, the rest stand where they are used. */
export interface Schemas {
  of(schema: z.ZodType, direction: Direction): JsonSchema
  /** The fields of an object that arrives in pieces, such as a query. */
  fieldsOf(schema: z.ZodType | undefined): Field[]
  components: Record<string, JsonSchema>
}

type Named = Record<Direction, Map<string, JsonSchema>>

/**
 * Reads every schema of the routes. `.meta({ id })` names a component; one that differs as input
 * (a default makes a field optional) becomes two, the input's called `<id>Input`. Throws where two
 * schemas have one name.
 */
export function describeSchemas(routes: readonly Route[]): Schemas {
  const named: Named = { input: new Map(), output: new Map() }
  for (const route of routes) collect(route, named)
  const differing = differingIds(named)
  const rename = (direction: Direction) => (id: string) =>
    direction === 'input' && differing.has(id) ? `${id}Input` : id
  const of = (schema: z.ZodType, direction: Direction) =>
    withRefs(convert(schema, direction).root, rename(direction))
  const components = Object.fromEntries([
    ...componentsOf(named.output, rename('output')),
    ...componentsOf(named.input, rename('input')),
  ])
  assertFree(components, named, differing)
  return {
    of,
    fieldsOf: (schema) =>
      (schema === undefined ? [] : fieldsOf(convert(schema, 'input'))).map((field) => ({
        ...field,
        schema: withRefs(field.schema, rename('input')),
      })),
    components: sortedByName(components),
  }
}

function collect(route: Route, named: Named): void {
  const remember = (found: Record<string, JsonSchema>, direction: Direction) => {
    for (const [id, schema] of Object.entries(found)) addNamed(named[direction], id, schema, route)
  }
  for (const schema of [route.params, route.query]) {
    if (schema !== undefined) remember(insideOf(convert(schema, 'input')), 'input')
  }
  if (route.body !== undefined) remember(convert(route.body, 'input').named, 'input')
  if (route.reply !== undefined) remember(convert(route.reply, 'output').named, 'output')
}

function addNamed(
  known: Map<string, JsonSchema>,
  id: string,
  schema: JsonSchema,
  { method, path }: Route,
): void {
  const before = known.get(id)
  if (before !== undefined && !isDeepStrictEqual(before, schema)) {
    throw new Error(
      `${method} ${path}: another schema is called "${id}" too; change one .meta({ id })`,
    )
  }
  known.set(id, schema)
}

// An object that is taken apart into parameters needs no component itself; its fields may.
function insideOf({ root, named }: Converted): Record<string, JsonSchema> {
  const { [rootId(root) ?? '']: _, ...rest } = named
  return rest
}

interface Converted {
  root: JsonSchema
  named: Record<string, JsonSchema>
}

function convert(schema: z.ZodType, direction: Direction): Converted {
  const {
    $defs,
    $schema: _,
    ...root
  } = z.toJSONSchema(schema, {
    io: direction,
    override: ({ jsonSchema }) => simplify(jsonSchema, direction),
  })
  // zod types nested schemas as its own class; both are plain JSON.
  return { root, named: ($defs ?? {}) as Record<string, JsonSchema> }
}

const formats = new Set(['date-time', 'date', 'time', 'uuid', 'email', 'uri'])

function simplify(schema: JsonSchema, direction: Direction): void {
  mergeNull(schema)
  // What the format says to people and tools alike, as a page of regular expression.
  if (formats.has(String(schema['format']))) delete schema['pattern']
  if (schema['minimum'] === Number.MIN_SAFE_INTEGER) delete schema['minimum']
  if (schema['maximum'] === Number.MAX_SAFE_INTEGER) delete schema['maximum']
  // Every name in JSON is a string.
  if (isDeepStrictEqual(schema['propertyNames'], { type: 'string' })) delete schema['propertyNames']
  if (isDeepStrictEqual(schema['additionalProperties'], {})) schema['additionalProperties'] = true
  // A client must take replies with fields that a later version adds.
  if (direction === 'output' && schema['additionalProperties'] === false) {
    delete schema['additionalProperties']
  }
}

// `string | null` as one schema with two types: what tools show best, and some only accept.
function mergeNull(schema: JsonSchema): void {
  const { anyOf } = schema
  if (!Array.isArray(anyOf) || anyOf.length !== 2) return
  const [value, nothing]: unknown[] = anyOf
  if (!isRecord(value) || !isRecord(nothing) || nothing['type'] !== 'null') return
  if (typeof value['type'] !== 'string' || 'enum' in value || 'const' in value) return
  delete schema['anyOf']
  Object.assign(schema, { ...value, ...schema, type: [value['type'], 'null'] })
}

// Which ids need two components: their own text differs, or that of one they refer to.
function differingIds({ input, output }: Named): Set<string> {
  const differing = new Set<string>()
  let before: number
  do {
    before = differing.size
    for (const [id, schema] of input) {
      const other = output.get(id)
      if (other === undefined) continue
      const refersToOne = refsIn(schema).some((ref) => differing.has(ref))
      if (refersToOne || !isDeepStrictEqual(schema, other)) differing.add(id)
    }
  } while (differing.size > before)
  return differing
}

function componentsOf(
  schemas: Map<string, JsonSchema>,
  rename: (id: string) => string,
): [string, JsonSchema][] {
  return [...schemas].map(([id, schema]) => [rename(id), withRefs(schema, rename)])
}

function assertFree(
  components: Record<string, JsonSchema>,
  { input, output }: Named,
  differing: Set<string>,
): void {
  const ids = new Set([...input.keys(), ...output.keys()])
  for (const id of [...differing].map((it) => `${it}Input`)) {
    if (ids.has(id))
      throw new Error(`the schema name "${id}" is needed for an input; choose another`)
  }
  for (const id of Object.keys(components)) {
    if (id.startsWith('__')) throw new Error('a recursive schema needs a name: .meta({ id })')
    if (!/^\w+$/.test(id))
      throw new Error(`the schema name "${id}" may have letters and digits only`)
  }
}

function fieldsOf({ root, named }: Converted): Field[] {
  const object = named[rootId(root) ?? ''] ?? root
  const { properties, required } = object
  if (!isRecord(properties)) throw new Error('params and query must be a z.object')
  const names = Array.isArray(required) ? required : []
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    required: names.includes(name),
    schema: isRecord(schema) ? schema : {},
  }))
}

function withRefs(schema: JsonSchema, rename: (id: string) => string): JsonSchema {
  const text = JSON.stringify(schema, (key, value) =>
    key === '$ref' && typeof value === 'string'
      ? `#/components/schemas/${rename(idOf(value))}`
      : value,
  )
  return JSON.parse(text)
}

function refsIn(schema: JsonSchema): string[] {
  const refs: string[] = []
  JSON.stringify(schema, (key, value) => {
    if (key === '$ref' && typeof value === 'string') refs.push(idOf(value))
    return value
  })
  return refs
}

function rootId({ $ref }: JsonSchema): string | undefined {
  return typeof $ref === 'string' ? idOf($ref) : undefined
}

function idOf(ref: string): string {
  return ref.slice(ref.lastIndexOf('/') + 1)
}

function isRecord(value: unknown): value is JsonSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function sortedByName<T>(record: Record<string, T>): Record<string, T> {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)))
}
