import { randomBytes } from 'node:crypto'
import { z } from 'zod'
import type { Route } from '../../../app/route.ts'
import { wireName } from '../../../http/app_cookies.ts'
import { sampleOf } from '../../../lib/sample.ts'
import type { TestRequest } from '../../http_client.ts'
import { bodyFor, nameOf, type PopulatedTenant, pathIn, type World } from '../world/world.ts'

/** What a request sends: path parameters, query fields, headers and cookies by name, and the body. */
export interface Inputs {
  params: Record<string, string>
  query: Record<string, string>
  headers: Record<string, string>
  cookies: Record<string, string>
  body: unknown
}

/** One input of a route that can hold a text: `:id`, `?name=`, `header name`, `cookie name`, or a leaf of the body: `body /about/0`. */
export interface Field {
  name: string
  part: keyof Inputs
  /** The place in its part. */
  path: readonly string[]
  /** Makes a text that the schema accepts, if the app says how. */
  own: (() => string) | undefined
  /** The inputs with `text` in this field. Undefined if the schema does not accept it. */
  put(inputs: Inputs, text: string): Inputs | undefined
}

/** Valid inputs of a route, for this tenant: as few query fields, headers and cookies as its schemas accept. */
export function inputsFor(world: World, route: Route, populated: PopulatedTenant): Inputs {
  const names = route.path.split('/')
  const values = pathIn(route, populated).split('/')
  const params = names.flatMap((it, at) => (it.startsWith(':') ? [[it.slice(1), values[at]]] : []))
  const body = bodyFor(world, route, populated)
  return {
    params: Object.fromEntries(params),
    query: leastOf(route.query),
    headers: leastOf(route.headers),
    cookies: leastOf(route.appCookies),
    body: body instanceof URLSearchParams ? Object.fromEntries(body) : withAllFields(route, body),
  }
}

/** Every input of a route that can hold a text. */
export function fieldsOf(world: World, route: Route, { params, body }: Inputs): Field[] {
  const { texts = {} } = world.options
  const fields = [
    ...Object.keys(params).map((name) => partField(route, 'params', name, `:${name}`)),
    ...namesOf(route.query).map((name) => partField(route, 'query', name, `?${name}=`)),
    ...namesOf(route.headers).map((name) => partField(route, 'headers', name, `header ${name}`)),
    ...namesOf(route.appCookies).map((name) => partField(route, 'cookies', name, `cookie ${name}`)),
    ...leavesOf(body).map((path) => bodyField(route, path)),
  ]
  return fields.map((it) => ({ ...it, own: texts[`${nameOf(route)} ${it.name}`] }))
}

export function requestWith(
  route: Route,
  { params, query, headers, cookies, body }: Inputs,
): TestRequest {
  const { method } = route
  const path = route.path.replaceAll(/:(\w+)/g, (_, name) => encodeURIComponent(params[name] ?? ''))
  const search = new URLSearchParams(query).toString()
  const isForm = route.media === 'form' && body !== undefined
  return {
    method,
    path: search === '' ? path : `${path}?${search}`,
    headers: { ...headers, ...cookieHeader(cookies) },
    body: isForm ? new URLSearchParams(body as Record<string, string>) : body,
  }
}

/** A text that occurs nowhere else and that the field accepts. Undefined if it accepts no such text. */
export function canaryFor(field: Field, inputs: Inputs): string | undefined {
  const unique = `canary${randomBytes(8).toString('hex')}`
  const forms = [
    ...(field.own === undefined ? [] : [field.own()]),
    unique,
    `${unique}@example.com`,
    `https://example.com/${unique}`,
    unique.toUpperCase(),
  ]
  return forms.find((it) => field.put(inputs, it) !== undefined)
}

/** The schema of one part of a request. */
export function schemaOf(route: Route, part: keyof Inputs): z.ZodType | undefined {
  return part === 'cookies' ? route.appCookies : route[part]
}

function namesOf(part: z.ZodType | undefined): string[] {
  return part instanceof z.ZodObject ? Object.keys(part.shape) : []
}

function cookieHeader(cookies: Record<string, string>): Record<string, string> {
  const pairs = Object.entries(cookies).map(
    ([name, it]) => `${wireName(name)}=${encodeURIComponent(it)}`,
  )
  return pairs.length === 0 ? {} : { cookie: pairs.join('; ') }
}

function leastOf(part: z.ZodType | undefined): Record<string, string> {
  if (part === undefined || isAccepted(part, {})) return {}
  const sample = Object(sampleOf(part))
  return Object.fromEntries(Object.entries(sample).map(([name, it]) => [name, String(it)]))
}

// A body that the app gave may leave optional fields out.
function withAllFields({ body: schema }: Route, body: unknown): unknown {
  if (!(schema instanceof z.ZodObject) || !isObject(body)) return body
  const all = { ...Object(sampleOf(schema)), ...body }
  return isAccepted(schema, all) ? all : body
}

type Placed = Omit<Field, 'own'>

function partField(
  route: Route,
  part: Exclude<keyof Inputs, 'body'>,
  key: string,
  name: string,
): Placed {
  return {
    name,
    part,
    path: [key],
    put(inputs, text) {
      const changed = { ...inputs[part], [key]: text }
      const isUnsendable =
        (part === 'params' && text === '') || (part === 'headers' && !HEADER_VALUE.test(text))
      return isUnsendable || !isAccepted(schemaOf(route, part), changed)
        ? undefined
        : { ...inputs, [part]: changed }
    },
  }
}

// A client of HTTP sends no other characters.
const HEADER_VALUE = /^[ -~]*$/

function bodyField(route: Route, path: readonly string[]): Placed {
  return {
    name: `body /${path.join('/')}`,
    part: 'body',
    path,
    put(inputs, text) {
      const body = withLeaf(inputs.body, path, text)
      return isAccepted(route.body, body) ? { ...inputs, body } : undefined
    },
  }
}

function isAccepted(schema: z.ZodType | undefined, value: unknown): boolean {
  try {
    return schema === undefined || schema.safeParse(value).success
  } catch {
    // A schema with asynchronous rules: the server decides.
    return true
  }
}

// An empty array or object has room for a text, which the schema may accept.
function leavesOf(value: unknown, path: readonly string[] = []): (readonly string[])[] {
  if (Array.isArray(value) && value.length === 0) return [[...path, '0']]
  if (!isObject(value)) return value === undefined ? [] : [path]
  const entries = Object.entries(value)
  if (entries.length === 0) return path.length === 0 ? [] : [[...path, 'any']]
  return entries.flatMap(([key, it]) => leavesOf(it, [...path, key]))
}

function withLeaf(value: unknown, [key, ...rest]: readonly string[], text: string): unknown {
  if (key === undefined) return text
  if (Array.isArray(value)) {
    const changed = [...value]
    changed[Number(key)] = withLeaf(value[Number(key)], rest, text)
    return changed
  }
  const object = Object(value) as Record<string, unknown>
  return { ...object, [key]: withLeaf(object[key], rest, text) }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}
