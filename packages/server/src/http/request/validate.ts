import type { IncomingHttpHeaders } from 'node:http'
import type { z } from 'zod'
import type { Route } from '../../app/route.ts'
import { coercedFields, isPlainNumber } from '../../app/zod_coercion.ts'
import { AppError, type Fault, unprocessable } from '../../lib/errors.ts'
import { assertStorable } from './json_body.ts'

/** The raw parts of a request, as the framework read them. */
export interface RawRequest {
  params: unknown
  query: Record<string, unknown>
  body: unknown
  headers: IncomingHttpHeaders
}

/**
 * Validates a request against its route. Throws 415 for a body of another media type, 422 with every
 * fault, or 400 for a parameter that appears more than once or that PostgreSQL cannot store.
 */
export function readInput(route: Route, raw: RawRequest) {
  assertMediaType(route, raw)
  assertSingle(raw.query)
  if (route.media === 'form' && isRecord(raw.body)) assertSingle(raw.body)
  const faults: Fault[] = []
  const parseBody = route.media === 'form' ? parseText : parsePart
  const input = {
    params: parseParameters(route.params, raw.params, '/params', faults),
    query: parseParameters(route.query, raw.query, '/query', faults),
    body: parseBody(route.body, raw.body ?? undefined, '', faults),
  }
  if (route.body === undefined && hasContent(raw.body)) {
    faults.push({ pointer: '', message: 'this route takes no body' })
  }
  if (faults.length > 0) throw unprocessable(faults)
  return input
}

/**
 * The parsers know every media type some route takes; this route takes one (ASVS 4.1.1). Throws 415
 * for a body of another.
 */
function assertMediaType(route: Route, { body, headers }: RawRequest): void {
  if (route.body === undefined || body === undefined) return
  const wanted = route.media === 'form' ? 'application/x-www-form-urlencoded' : 'application/json'
  const given = headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase()
  if (given !== wanted) {
    throw new AppError('unsupported', 'request.media_type', `Send the body as ${wanted}`)
  }
}

// ?a=1&a=2 means something else to every proxy and framework on the way (ASVS 15.3.7).
function assertSingle(values: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(values)) {
    if (Array.isArray(value)) {
      throw new AppError(
        'invalid',
        'request.duplicate',
        `The parameter "${name}" appears more than once`,
      )
    }
    assertStorable(name)
    if (typeof value === 'string') assertStorable(value)
  }
}

function parseParameters(
  schema: z.ZodType | undefined,
  values: unknown,
  pointer: string,
  faults: Fault[],
): unknown {
  if (schema === undefined) return undefined
  return parseText(schema, withPlainIds(values), pointer, faults)
}

// Where all values are text: numbers are written in digits.
function parseText(
  schema: z.ZodType | undefined,
  value: unknown,
  pointer: string,
  faults: Fault[],
): unknown {
  const texts = isRecord(value) ? value : {}
  const odd = coercedFields(schema).flatMap(([name, type]) => {
    const text = Object.hasOwn(texts, name) ? texts[name] : undefined
    const isNumber = type === 'number' || type === 'bigint'
    return isNumber && typeof text === 'string' && !isPlainNumber(text) ? [name] : []
  })
  if (odd.length === 0) return parsePart(schema, value, pointer, faults)
  faults.push(
    ...odd.map((it) => ({ pointer: `${pointer}/${it}`, message: 'must be written in digits' })),
  )
  return undefined
}

function parsePart(
  schema: z.ZodType | undefined,
  value: unknown,
  pointer: string,
  faults: Fault[],
): unknown {
  if (schema === undefined) return undefined
  if (isRecord(value)) Object.values(value).forEach(assertText)
  const result = schema.safeParse(value)
  if (result.success) return result.data
  faults.push(...result.error.issues.map((issue) => faultOf(issue, pointer)))
  return undefined
}

// One spelling per id (RFC 9562, 4), so that comparing text compares ids.
function withPlainIds(values: unknown): unknown {
  if (!isRecord(values)) return values
  const plain = Object.entries(values).map(([name, value]) => [
    name,
    typeof value === 'string' && UUID.test(value) ? value.toLowerCase() : value,
  ])
  return Object.fromEntries(plain)
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

function hasContent(body: unknown): boolean {
  return body !== undefined && body !== null && JSON.stringify(body) !== '{}'
}

function assertText(value: unknown) {
  if (typeof value === 'string') assertStorable(value)
}

function faultOf(issue: z.core.$ZodIssue, pointer: string): Fault {
  const path = issue.path.map((it) => `/${String(it).replaceAll('~', '~0').replaceAll('/', '~1')}`)
  return { pointer: `${pointer}${path.join('')}`, message: issue.message }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
