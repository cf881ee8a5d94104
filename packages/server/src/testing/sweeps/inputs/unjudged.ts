import { z } from 'zod'
import type { Route } from '../../../app/route.ts'
import { unwrap } from '../../../lib/sample.ts'
import { nameOf, type World } from '../world/world.ts'
import { canaryFor, type Field, fieldsOf, type Inputs, inputsFor, schemaOf } from './fields.ts'
import type { ForeignValue } from './foreign_values.ts'

const MANY = 1_000

/**
 * The inputs of a route whose schema accepts neither a generated text nor a value of another tenant, so that
 * no sweep attacks them, with what would make that possible. A closed set of values needs no attack.
 */
export function unjudgedInputs(
  world: World,
  route: Route,
  values: readonly ForeignValue[],
): string[] {
  const inputs = inputsFor(world, route, world.a)
  return fieldsOf(world, route, inputs).flatMap((field) => {
    const takes = (text: string) => field.put(inputs, text) !== undefined
    if (canaryFor(field, inputs) !== undefined || values.some((it) => takes(it.text))) return []
    const need = needOf(route, field, inputs)
    return need === undefined ? [] : [`${nameOf(route)}: ${field.name} is not attacked; ${need}`]
  })
}

function needOf(route: Route, field: Field, inputs: Inputs): string | undefined {
  const schema = schemaAt(schemaOf(route, field.part), field.path)
  const value = valueAt(inputs[field.part], field.path)
  if (isClosed(schema) || typeof value === 'boolean' || value === null) return undefined
  return typeof value === 'number' || schema instanceof z.ZodNumber
    ? 'it is a number, of which the sweeps know none that only another tenant has'
    : `give a text that its schema accepts: texts: { '${nameOf(route)} ${field.name}': () => … }`
}

// A number of a small range, such as the size of a page, is no key of a row.
function isClosed(schema: z.ZodType | undefined): boolean {
  if (schema instanceof z.ZodNumber) {
    return (schema.maxValue ?? Infinity) - (schema.minValue ?? -Infinity) < MANY
  }
  return (
    schema instanceof z.ZodEnum || schema instanceof z.ZodLiteral || schema instanceof z.ZodBoolean
  )
}

function schemaAt(schema: z.ZodType | undefined, path: readonly string[]): z.ZodType | undefined {
  const [key, ...rest] = path
  const inner = schema === undefined ? undefined : unwrap(schema)
  if (key === undefined) return inner
  if (inner instanceof z.ZodObject) return schemaAt(inner.shape[key], rest)
  return inner instanceof z.ZodArray ? schemaAt(inner.element as z.ZodType, rest) : undefined
}

function valueAt(value: unknown, [key, ...rest]: readonly string[]): unknown {
  return key === undefined ? value : valueAt(Object(value)[key], rest)
}
