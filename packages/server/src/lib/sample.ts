import { randomUUID } from 'node:crypto'
import { z } from 'zod'

let counter = 0

/** Values to try for a field, from the plainest to the more particular. */
function candidates(): unknown[] {
  const number = ++counter
  const unique = `sample_${number.toString(36)}`
  return [
    unique,
    randomUUID(),
    '2026-01-31',
    '2026-01-31T12:00:00.000Z',
    `${unique}@example.com`,
    `https://example.com/${unique}`,
    `sample-${number.toString(36)}.example.com`,
    'SAMPLE',
    // Of a length by which the sweeps can tell it from other numbers.
    String(100_000_000 + number),
    '123456',
    '1',
    1,
    100,
    0.5,
    true,
    [],
    {},
    null,
  ]
}

/**
 * An input that a schema accepts, every field filled; undefined where trying values finds none.
 * `known` gives values by field name, for fields that must name something that exists.
 */
export function sampleOf(schema: z.ZodType, known: Record<string, unknown> = {}): unknown {
  const inner = unwrap(schema)
  if (inner instanceof z.ZodObject) return sampleObject(inner, known)
  if (inner instanceof z.ZodEnum) return inner.options[0]
  return candidates().find((it) => schema.safeParse(it).success)
}

function sampleObject(schema: z.ZodObject, known: Record<string, unknown>) {
  const entries = Object.entries<z.ZodType>(schema.shape).map(([name, field]) => [
    name,
    name in known ? known[name] : sampleOf(field, known),
  ])
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined))
}

/** A schema without what makes it optional. */
export function unwrap(schema: z.ZodType): z.ZodType {
  if (
    schema instanceof z.ZodOptional ||
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodNullable
  ) {
    return unwrap(schema.unwrap() as z.ZodType)
  }
  return schema
}
