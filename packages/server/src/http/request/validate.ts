import type { IncomingHttpHeaders } from 'node:http'
import { z } from 'zod'
import type { RawBody } from '../../app/replies.ts'
import type { Route } from '../../app/route.ts'
import { coercedFields, isPlainNumber } from '../../app/zod_coercion.ts'
import { AppError, type Fault, unprocessable } from '../../lib/errors.ts'
import { appCookiesIn } from '../app_cookies.ts'

/** The raw parts of a request, as Fastify read them. */
export interface RawRequest {
  params: unknown
  query: Record<string, unknown>
  body: unknown
  headers: IncomingHttpHeaders
}

/** The validated parts of a request. A part that the route does not declare is undefined. */
export interface RouteInput {
  params: unknown
  query: unknown
  headers: unknown
  cookies: unknown
  body: unknown
}

/** Validates a request against one route. */
export type ReadInput = (raw: RawRequest) => RouteInput

/** Validates one part of a request, and adds its faults to `faults`. */
type ReadPart = (value: unknown, faults: Fault[]) => unknown

/**
 * Compiles the validation of a route. The returned function throws 415 for a body of another media type,
 * 422 with every fault, an undeclared query parameter among them, or 400 for a parameter that appears more than once or that PostgreSQL cannot store.
 */
export function inputReader(route: Route): ReadInput {
  const params = parameterReader(route.params, '/params')
  const query = parameterReader(route.query, '/query')
  const headers = headerReader(route.headers)
  const cookies = cookieReader(route.appCookies)
  const body = bodyReader(route)
  const isDeclared = declaredIn(route.query)
  return (raw) => {
    const faults: Fault[] = []
    for (const name in raw.query) {
      assertSingle(name, raw.query[name])
      if (!isDeclared(name)) faults.push(unknownParameter(name))
    }
    const input = {
      params: params?.(raw.params, faults),
      query: query?.(raw.query, faults),
      headers: headers?.(raw.headers, faults),
      cookies: cookies?.(raw.headers.cookie, faults),
      body: body(raw, faults),
    }
    if (faults.length > 0) throw unprocessable(faults)
    return input
  }
}

// A misspelled filter that is ignored would answer with the rows that it should have left out.
function declaredIn(query: z.ZodType | undefined): (name: string) => boolean {
  if (query === undefined) return () => false
  if (!(query instanceof z.ZodObject) || query.def.catchall?._zod.def.type === 'unknown') {
    return () => true
  }
  const names = new Set(Object.keys(query.shape))
  return (name) => names.has(name)
}

function unknownParameter(name: string): Fault {
  return { pointer: `/query/${escapePointer(name)}`, message: 'is not a parameter of this route' }
}

/** Throws 400 for text that PostgreSQL cannot store: with NUL or a lone surrogate. */
export function assertStorable(text: string): void {
  if (text.includes('\0') || !text.isWellFormed()) {
    const detail = 'Text must be valid Unicode without NUL characters'
    throw new AppError('invalid', 'request.malformed', detail)
  }
}

function bodyReader(route: Route): (raw: RawRequest, faults: Fault[]) => unknown {
  const { body: schema, media, raw } = route
  if (raw !== undefined) return rawReader(raw)
  if (schema === undefined) return rejectBody
  if (media === 'form') {
    const readForm = textReader(schema, '')
    return ({ body, headers }, faults) => {
      assertMediaType('application/x-www-form-urlencoded', body, headers)
      if (isRecord(body)) for (const name in body) assertSingle(name, body[name])
      return readForm(body ?? undefined, faults)
    }
  }
  const readJson = partReader(schema, '')
  return ({ body, headers }, faults) => {
    assertMediaType('application/json', body, headers)
    return readJson(body ?? undefined, faults)
  }
}

function rawReader({ types }: RawBody): (raw: RawRequest) => Buffer {
  return ({ body, headers }) => {
    if (!Buffer.isBuffer(body)) return Buffer.alloc(0)
    if (!types.includes(mediaTypeOf(headers))) {
      throw new AppError(
        'unsupported',
        'request.media_type',
        `Send the body as ${types.join(' or ')}`,
      )
    }
    return body
  }
}

function rejectBody({ body }: RawRequest, faults: Fault[]): undefined {
  if (body === undefined || body === null || JSON.stringify(body) === '{}') return
  faults.push({ pointer: '', message: 'this route accepts no body' })
}

// The parsers accept every media type that any route accepts; this route accepts one (ASVS 4.1.1).
function assertMediaType(wanted: string, body: unknown, headers: IncomingHttpHeaders): void {
  if (body === undefined) return
  if (mediaTypeOf(headers) !== wanted) {
    throw new AppError('unsupported', 'request.media_type', `Send the body as ${wanted}`)
  }
}

function mediaTypeOf(headers: IncomingHttpHeaders): string {
  return headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase() ?? ''
}

// Proxies and frameworks disagree on the meaning of ?a=1&a=2 (ASVS 15.3.7).
function assertSingle(name: string, value: unknown): void {
  if (Array.isArray(value)) {
    const detail = `The parameter "${name}" appears more than once`
    throw new AppError('invalid', 'request.duplicate', detail)
  }
  assertStorable(name)
  if (typeof value === 'string') assertStorable(value)
}

function parameterReader(schema: z.ZodType | undefined, pointer: string): ReadPart | undefined {
  if (schema === undefined) return undefined
  const read = textReader(schema, pointer)
  return (values, faults) => read(withLowerCaseIds(values), faults)
}

// A schema may be strict, and the handler gets no header that the route does not declare.
function headerReader(schema: z.ZodType | undefined): ReadPart | undefined {
  if (!(schema instanceof z.ZodObject)) return undefined
  const names = Object.keys(schema.shape)
  const read = textReader(schema, '/headers')
  return (all, faults) => {
    const given = isRecord(all) ? all : {}
    const declared = names.filter((it) => given[it] !== undefined).map((it) => [it, given[it]])
    return read(Object.fromEntries(declared), faults)
  }
}

// A browser sends a cookie until it expires: a value of yesterday's form must not be refused each time.
function cookieReader(schema: z.ZodType | undefined): ReadPart | undefined {
  if (!(schema instanceof z.ZodObject)) return undefined
  const names = Object.keys(schema.shape)
  const accepts = (name: string, value: string) => schema.shape[name].safeParse(value).success
  const read = textReader(schema, '/cookies')
  return (header, faults) => {
    const sent = Object.entries(appCookiesIn(names, isText(header) ? header : undefined))
    const storable = sent.filter(([, value]) => !value.includes('\0') && value.isWellFormed())
    return read(Object.fromEntries(storable.filter(([name, it]) => accepts(name, it))), faults)
  }
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}

// For a part whose values are all text. Coercion would also accept numbers such as 0x10 and 1e3.
function textReader(schema: z.ZodType, pointer: string): ReadPart {
  const read = partReader(schema, pointer)
  const numbers = coercedFields(schema)
    .filter(([, type]) => type === 'number' || type === 'bigint')
    .map(([name]) => name)
  if (numbers.length === 0) return read
  return (value, faults) => {
    const texts = isRecord(value) ? value : {}
    const odd = numbers.filter((name) => {
      const text = Object.hasOwn(texts, name) ? texts[name] : undefined
      return typeof text === 'string' && !isPlainNumber(text)
    })
    if (odd.length === 0) return read(value, faults)
    const message = 'must be written in digits'
    faults.push(...odd.map((name) => ({ pointer: `${pointer}/${name}`, message })))
    return undefined
  }
}

function partReader(schema: z.ZodType, pointer: string): ReadPart {
  return (value, faults) => {
    if (isRecord(value)) {
      for (const text of Object.values(value)) if (typeof text === 'string') assertStorable(text)
    }
    const result = schema.safeParse(value)
    if (result.success) return result.data
    faults.push(...result.error.issues.map((issue) => faultOf(issue, pointer)))
    return undefined
  }
}

// UUIDs are case-insensitive (RFC 9562, 4). In lower case, equal ids are equal strings.
function withLowerCaseIds(values: unknown): unknown {
  if (!isRecord(values)) return values
  const plain: Record<string, unknown> = { ...values }
  for (const [name, value] of Object.entries(values)) {
    if (typeof value === 'string' && UUID.test(value)) plain[name] = value.toLowerCase()
  }
  return plain
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

function faultOf(issue: z.core.$ZodIssue, pointer: string): Fault {
  const path = issue.path.map((it) => `/${escapePointer(String(it))}`)
  return { pointer: `${pointer}${path.join('')}`, message: issue.message }
}

// RFC 6901, 3.
function escapePointer(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1')
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
