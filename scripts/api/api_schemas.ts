import { isDeepStrictEqual } from 'node:util'

export type Json = Readonly<Record<string, unknown>>

/** Whether a schema describes what a client may send, or what it receives. */
export type Side = 'request' | 'reply'

/**
 * The differences between two schemas that break a client, a phrase each. A request may only become
 * more permissive, a reply only more precise. Parts that cannot be compared break where they differ.
 */
export function schemaBreaks(before: Json, after: Json, side: Side, at = ''): string[] {
  const [wide, narrow] = side === 'request' ? [after, before] : [before, after]
  const here = at || 'the whole'
  return [
    ...(fitsTypes(narrow, wide) ? [] : [`${here} changes its type`]),
    ...(fitsValues(narrow, wide) ? [] : [`${here} changes its values`]),
    ...rulesBroken(before, after, side).map((it) => `${here} changes its ${it}`),
    ...fieldBreaks(before, after, side, at),
    ...partBreaks(before, after, side, at),
  ]
}

export function objectIn(value: unknown): Json | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Json)
    : undefined
}

function fitsTypes(narrow: Json, wide: Json): boolean {
  const allowed = typesOf(wide)
  if (allowed.length === 0) return true
  const types = typesOf(narrow)
  return (
    types.length > 0 &&
    types.every((it) => allowed.includes(it) || (it === 'integer' && allowed.includes('number')))
  )
}

function typesOf({ type }: Json): unknown[] {
  return type === undefined ? [] : [type].flat()
}

function fitsValues(narrow: Json, wide: Json): boolean {
  const allowed = valuesOf(wide)
  if (allowed === undefined) return true
  return valuesOf(narrow)?.every((it) => allowed.includes(it)) ?? false
}

function valuesOf(schema: Json): unknown[] | undefined {
  if ('const' in schema) return [schema['const']]
  return Array.isArray(schema['enum']) ? schema['enum'] : undefined
}

const floors = ['minLength', 'minimum', 'exclusiveMinimum', 'minItems', 'minProperties']
const ceilings = ['maxLength', 'maximum', 'exclusiveMaximum', 'maxItems', 'maxProperties']
const unions = ['anyOf', 'oneOf', 'allOf', 'not', 'propertyNames', 'patternProperties']

function rulesBroken(before: Json, after: Json, side: Side): string[] {
  const differs = (name: string) => !isDeepStrictEqual(before[name], after[name])
  if (side === 'reply') return ['format', ...unions].filter(differs)
  return [
    ...floors.filter((it) => bound(after, it, -Infinity) > bound(before, it, -Infinity)),
    ...ceilings.filter((it) => bound(after, it, Infinity) < bound(before, it, Infinity)),
    ...['pattern', 'format', 'multipleOf', 'uniqueItems'].filter(
      (it) => after[it] !== undefined && differs(it),
    ),
    ...unions.filter(differs),
  ]
}

function bound(schema: Json, name: string, otherwise: number): number {
  const value = schema[name]
  return typeof value === 'number' ? value : otherwise
}

function fieldBreaks(before: Json, after: Json, side: Side, at: string): string[] {
  const [old, now] = [fieldsOf(before), fieldsOf(after)]
  const removed = Object.keys(old).filter((name) => !(name in now))
  const shared = Object.keys(old).filter((name) => name in now)
  const [loose, strict] = side === 'request' ? [before, after] : [after, before]
  const required = namesIn(strict['required']).filter(
    (name) => !namesIn(loose['required']).includes(name) && !removed.includes(name),
  )
  const word = side === 'request' ? 'is required' : 'may be missing'
  return [
    ...removed.map((name) => `${at}/${name} is removed`),
    ...required.map((name) => `${at}/${name} ${word}`),
    ...shared.flatMap((name) =>
      schemaBreaks(old[name] ?? {}, now[name] ?? {}, side, `${at}/${name}`),
    ),
  ]
}

function fieldsOf(schema: Json): Record<string, Json> {
  const fields = Object.entries(objectIn(schema['properties']) ?? {})
  return Object.fromEntries(fields.map(([name, it]) => [name, objectIn(it) ?? {}]))
}

function namesIn(list: unknown): string[] {
  return Array.isArray(list) ? list.filter((it) => typeof it === 'string') : []
}

/** The schemas of unnamed parts: a list's items, a record's values. */
function partBreaks(before: Json, after: Json, side: Side, at: string): string[] {
  const closed = side === 'request' && after['additionalProperties'] === false
  if (closed && before['additionalProperties'] !== false) return [`${at || 'the whole'} is closed`]
  return ['items', 'additionalProperties'].flatMap((name) => {
    const [old, now] = [objectIn(before[name]), objectIn(after[name])]
    if (old === undefined && now === undefined) return []
    return schemaBreaks(old ?? {}, now ?? {}, side, `${at}/*`)
  })
}
