import type { z } from 'zod'
import { AppError, type Fault, unprocessable } from '../errors.ts'
import { assertStorable } from './json.ts'
import type { Route } from './route.ts'

/** The raw parts of a request, as the framework read them. */
export interface RawInput {
  params: unknown
  query: Record<string, unknown>
  body: unknown
}

/**
 * Validates a request against its route. Throws 422 with every fault, or 400 where a parameter
 * stands twice or holds text that nothing can store.
 */
export function readInput(route: Route, raw: RawInput) {
  assertSingle(raw.query)
  if (route.media === 'form' && isRecord(raw.body)) assertSingle(raw.body)
  const faults: Fault[] = []
  const input = {
    params: parsePart(route.params, raw.params, '/params', faults),
    query: parsePart(route.query, raw.query, '/query', faults),
    body: parsePart(route.body, raw.body ?? undefined, '', faults),
  }
  if (faults.length > 0) throw unprocessable(faults)
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
