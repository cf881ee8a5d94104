import { z } from 'zod'
import { memoize } from '../lib/cache/memoize.ts'

/**
 * Where a schema returns any value or any field: ` at items.meta`. Undefined where it lists all of them,
 * or says why not with `.meta({ 'x-open': '<why>' })`.
 */
export const openPartOf = memoize((schema: z.ZodType): string | undefined =>
  // zod's own type for its output is narrower where this reads it, and wider where it does not.
  openPartIn(z.toJSONSchema(schema, { io: 'output' }) as JsonSchema, []),
)

function openPartIn(schema: JsonSchema, path: readonly string[]): string | undefined {
  if (typeof schema['x-open'] === 'string' && schema['x-open'].trim() !== '') return undefined
  const { additionalProperties, properties = {}, items, prefixItems = [] } = schema
  const isAnything = !closedBy.some((key) => key in schema)
  const hasAnyField = typeof additionalProperties === 'object'
  if (isAnything || hasAnyField) return path.length === 0 ? '' : ` at ${path.join('.')}`
  const parts: [string[], JsonSchema | undefined][] = [
    ...Object.entries(properties).map(([name, it]): [string[], JsonSchema] => [[name], it]),
    ...[...(schema.anyOf ?? []), ...(schema.oneOf ?? []), ...(schema.allOf ?? [])].map(
      (it): [string[], JsonSchema] => [[], it],
    ),
    ...Object.values(schema.$defs ?? {}).map((it): [string[], JsonSchema] => [[], it]),
    ...prefixItems.map((it): [string[], JsonSchema] => [[], it]),
    [[], items],
  ]
  for (const [step, part] of parts) {
    const found = part === undefined ? undefined : openPartIn(part, [...path, ...step])
    if (found !== undefined) return found
  }
  return undefined
}

/** A JSON Schema as zod writes it, as far as openPartOf reads it. */
interface JsonSchema {
  readonly [key: string]: unknown
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly additionalProperties?: boolean | JsonSchema
  readonly items?: JsonSchema
  readonly prefixItems?: readonly JsonSchema[]
  readonly anyOf?: readonly JsonSchema[]
  readonly oneOf?: readonly JsonSchema[]
  readonly allOf?: readonly JsonSchema[]
  readonly $defs?: Readonly<Record<string, JsonSchema>>
}

// A schema without any of these accepts every value.
const closedBy = ['type', 'enum', 'const', 'anyOf', 'oneOf', 'allOf', '$ref', 'not'] as const
