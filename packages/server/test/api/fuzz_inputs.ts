import * as fc from 'fast-check'
import type { OpenApiDocument } from '../../src/http/openapi/document.ts'

/** The keywords of a JSON Schema that the fuzzer reads in the OpenAPI document. */
export interface Described {
  $ref?: string
  type?: string | string[]
  format?: string
  pattern?: string
  enum?: unknown[]
  const?: unknown
  anyOf?: Described[]
  minLength?: number
  maxLength?: number
  minimum?: number
  maximum?: number
  maxItems?: number
  items?: Described
  properties?: Record<string, Described>
  required?: string[]
}

/** Values that a schema of the document accepts; `ids` are tried wherever it expects an id. */
export function valuesFor(
  document: OpenApiDocument,
  schema: Described,
  ids: string[],
): fc.Arbitrary<unknown> {
  const inner = (it: Described) => valuesFor(document, it, ids)
  if (schema.$ref !== undefined) return inner(componentOf(document, schema.$ref))
  if ('const' in schema) return fc.constant(schema.const)
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum)
  if (schema.anyOf !== undefined) return fc.oneof(...schema.anyOf.map(inner))
  if (Array.isArray(schema.type)) {
    return fc.oneof(...schema.type.map((type) => inner({ ...schema, type })))
  }
  switch (schema.type) {
    case 'string':
      return textsFor(schema, ids)
    case 'integer':
    case 'number':
      return fc.integer({ min: schema.minimum ?? -1000, max: schema.maximum ?? 1000 })
    case 'boolean':
      return fc.boolean()
    case 'null':
      return fc.constant(null)
    case 'array':
      return fc.array(inner(schema.items ?? {}), { maxLength: Math.min(schema.maxItems ?? 4, 4) })
    case 'object':
      return objectsFor(schema, inner)
    default:
      return fc.jsonValue()
  }
}

function textsFor(schema: Described, ids: string[]): fc.Arbitrary<string> {
  if (schema.format === 'uuid') return fc.oneof(fc.constantFrom(...ids), fc.uuid())
  if (schema.format === 'date-time')
    return fc.date({ noInvalidDate: true }).map((it) => it.toISOString())
  if (schema.format === 'email') return fc.emailAddress()
  if (schema.pattern !== undefined) return fc.stringMatching(new RegExp(schema.pattern))
  const minLength = schema.minLength ?? 0
  const maxLength = Math.min(schema.maxLength ?? 300, Math.max(minLength, 300))
  return fc.oneof(
    fc.string({ minLength, maxLength }),
    fc.string({ minLength, maxLength, unit: 'grapheme' }),
  )
}

function objectsFor(
  { properties = {}, required = [] }: Described,
  inner: (it: Described) => fc.Arbitrary<unknown>,
): fc.Arbitrary<Record<string, unknown>> {
  const fields = Object.entries(properties).map(([name, it]) => [name, inner(it)] as const)
  return fc.record(Object.fromEntries(fields), { requiredKeys: required })
}

function componentOf(document: OpenApiDocument, ref: string): Described {
  const name = ref.replace('#/components/schemas/', '')
  const found = document.components['schemas']?.[name]
  if (found === undefined) throw new Error(`the description has no ${ref}`)
  return found
}

/** Values that an attacker or a faulty program sends. */
export const junk: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    -1,
    2 ** 53 + 1,
    1e308,
    '',
    ' ',
    '\0',
    'a\0b',
    '\ud800',
    '\u202e\u2028',
    "'; drop table projects; --",
    '../../etc/passwd',
    '%00',
    '{{7*7}}',
    'x'.repeat(5_000),
    [],
    {},
    [[[[[[[[]]]]]]]],
    Array(1_001).fill(0),
  ),
  fc.jsonValue(),
  fc.string({ unit: 'binary' }),
)

/** The value with a fault: a field missing, added or of another type, or not an object at all. */
export function spoiled(value: unknown): fc.Arbitrary<unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return junk
  const names = Object.keys(value)
  const added = fc
    .tuple(fc.constantFrom('?', 'tenant_id', 'id', 'constructor', 'is_superuser'), junk)
    .map(([name, it]) => ({ ...value, [name]: it }))
  if (names.length === 0) return fc.oneof(junk, added)
  const name = fc.constantFrom(...names)
  return fc.oneof(
    junk,
    added,
    name.map((it) => Object.fromEntries(Object.entries(value).filter(([key]) => key !== it))),
    fc.tuple(name, junk).map(([key, it]) => ({ ...value, [key]: it })),
  )
}
