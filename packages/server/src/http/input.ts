import type { z } from 'zod'
import { AppError, type Fault, unprocessable } from '../errors.ts'
import { assertStorable } from './json.ts'
import type { Route } from './route.ts'

// Enough to mend a request by; a list of a thousand wrong items must not become a reply of megabytes.
const MAX_FAULTS = 100

/** The raw parts of a request, as the framework read them. */
export interface RawInput {
  params: unknown
  query: Record<string, unknown>
  body: unknown
}

/**
 * Validates a request against its route. Throws 422 with its faults, or 400 where a parameter
 * stands twice or holds text that nothing can store.
 */
export function readInput(route: Route, raw: RawInput) {
  assertSingle(raw.query)
  if (route.media === 'form' && isRecord(raw.body)) assertSingle(raw.body)
  const faults: Fault[] = []
  const input = {
    params: parsePart(route.params, withPlainIds(raw.params), '/params', faults),
    query: parsePart(route.query, withPlainIds(raw.query), '/query', faults),
    body: parsePart(route.body, raw.body ?? undefined, '', faults),
  }
  if (route.body === undefined && hasContent(raw.body)) {
    faults.push({ pointer: '', message: 'this route takes no body' })
  }
  if (faults.length > 0) throw unprocessable(faults.slice(0, MAX_FAULTS))
  return input
}

// ?a=1&a=2 means something else to every proxy and framework on the way (ASVS 15.3.7).
function assertSingle(values: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(values)) {
    if (Array.isArray(value)) {
      throw new AppError('invalid', 'request.doubled', `The parameter "${name}" stands twice`)
    }
    assertStorable(name)
    if (typeof value === 'string') assertStorable(value)
  }
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
