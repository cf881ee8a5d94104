import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import type { Route } from '../../app/route.ts'
import { memoize } from '../../lib/cache/memoize.ts'

/** JSON Schema 2020-12, the dialect of OpenAPI 3.1. */
export type JsonSchema = Record<string, unknown>

/** Whether a schema describes what a client sends or what it receives. */
export type Direction = 'input' | 'output'

/** One field of an object schema. */
export interface Field {
  name: string
  required: boolean
  schema: JsonSchema
}

/** The schemas of a document. Named ones are components; the others are inlined where they are used. */
export interface Schemas {
  of(schema: z.ZodType, direction: Direction): JsonSchema
  /** The fields of an object that becomes parameters, such as a query. */
  fieldsOf(schema: z.ZodType | undefined): Field[]
  components: Record<string, JsonSchema>
}

type Named = Record<Direction, Map<string, JsonSchema>>

/**
 * Collects every schema of the routes. `.meta({ id })` names a component. A schema that differs as input,
 * for example because a default makes a field optional, becomes two; the input's is called `<id>Input`.
 * Throws if two schemas have one name.
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
  const add = (found: Record<string, JsonSchema>, direction: Direction) => {
    for (const [id, schema] of Object.entries(found)) addNamed(named[direction], id, schema, route)
  }
  for (const schema of [route.params, route.query]) {
    if (schema !== undefined) add(insideOf(convert(schema, 'input')), 'input')
  }
  if (route.body !== undefined) add(convert(route.body, 'input').named, 'input')
  if (route.reply !== undefined) add(convert(route.reply, 'output').named, 'output')
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
      `${method} ${path}: another schema is also called "${id}"; change one .meta({ id })`,
    )
  }
  known.set(id, schema)
}

// An object that becomes parameters needs no component; its fields may need one.
function insideOf({ root, named }: Converted): Record<string, JsonSchema> {
  const { [rootId(root) ?? '']: _, ...rest } = named
  return rest
}

interface Converted {
  root: JsonSchema
  named: Record<string, JsonSchema>
}

// Converting is most of the work: the same schema is in many routes, and in each of them more than once.
const converters = {
  input: memoize((schema: z.ZodType) => converted(schema, 'input')),
  output: memoize((schema: z.ZodType) => converted(schema, 'output')),
}

function convert(schema: z.ZodType, direction: Direction): Converted {
  return converters[direction](schema)
}

function converted(schema: z.ZodType, direction: Direction): Converted {
  const {
    $defs,
    $schema: _,
    ...root
  } = z.toJSONSchema(schema, {
    io: direction,
    override: ({ jsonSchema }) => simplify(jsonSchema, direction),
  })
  // zod has its own type for nested schemas; both are plain JSON.
  return { root, named: ($defs ?? {}) as Record<string, JsonSchema> }
}

const formats = new Set(['date-time', 'date', 'time', 'uuid', 'email', 'uri'])

function simplify(schema: JsonSchema, direction: Direction): void {
  mergeNull(schema)
  // The pattern repeats the format as a long regular expression.
  if (formats.has(String(schema['format']))) delete schema['pattern']
  if (schema['minimum'] === Number.MIN_SAFE_INTEGER) delete schema['minimum']
  if (schema['maximum'] === Number.MAX_SAFE_INTEGER) delete schema['maximum']
  // Redundant: every name in JSON is a string.
  if (isDeepStrictEqual(schema['propertyNames'], { type: 'string' })) delete schema['propertyNames']
  if (isDeepStrictEqual(schema['additionalProperties'], {})) schema['additionalProperties'] = true
  // Clients must accept fields that a later version adds to replies.
  if (direction === 'output' && schema['additionalProperties'] === false) {
    delete schema['additionalProperties']
  }
}

// `string | null` as one schema with two types, which tools show best; some accept nothing else.
function mergeNull(schema: JsonSchema): void {
  const { anyOf } = schema
  if (!Array.isArray(anyOf) || anyOf.length !== 2) return
  const [value, nothing]: unknown[] = anyOf
  if (!isRecord(value) || !isRecord(nothing) || nothing['type'] !== 'null') return
  if (typeof value['type'] !== 'string' || 'enum' in value || 'const' in value) return
  delete schema['anyOf']
  Object.assign(schema, { ...value, ...schema, type: [value['type'], 'null'] })
}

// The ids that need two components: their schemas differ, or a schema that they refer to differs.
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
      throw new Error(`the schema name "${id}" is needed for an input schema; choose another`)
  }
  for (const id of Object.keys(components)) {
    if (id.startsWith('__')) throw new Error('a recursive schema needs a name: .meta({ id })')
    if (!/^\w+$/.test(id))
      throw new Error(`the schema name "${id}" may have only letters, digits and _`)
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
