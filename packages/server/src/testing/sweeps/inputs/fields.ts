import { randomBytes } from 'node:crypto'
import { z } from 'zod'
import type { Route } from '../../../app/route.ts'
import { sampleOf } from '../../../lib/sample.ts'
import type { TestRequest } from '../../http_client.ts'
import { bodyFor, type PopulatedTenant, pathIn, type World } from '../world/world.ts'

/** What a request sends: path parameters by name, query fields by name, and the body. */
export interface Inputs {
  params: Record<string, string>
  query: Record<string, string>
  body: unknown
}

/** One input of a route that can hold a text: `:id`, `?name=`, or a leaf of the body: `body /about/0`. */
export interface Field {
  name: string
  /** The inputs with `text` in this field. Undefined if the schema does not accept it. */
  put(inputs: Inputs, text: string): Inputs | undefined
}

/** Valid inputs of a route, for this tenant: as few query fields as its schema accepts. */
export function inputsFor(world: World, route: Route, populated: PopulatedTenant): Inputs {
  const names = route.path.split('/')
  const values = pathIn(route, populated).split('/')
  const params = names.flatMap((it, at) => (it.startsWith(':') ? [[it.slice(1), values[at]]] : []))
  const body = bodyFor(world, route, populated)
  return {
    params: Object.fromEntries(params),
    query: leastQuery(route),
    body: body instanceof URLSearchParams ? Object.fromEntries(body) : withAllFields(route, body),
  }
}

/** Every input of a route that can hold a text. */
export function fieldsOf(route: Route, { params, body }: Inputs): Field[] {
  const queryNames = route.query instanceof z.ZodObject ? Object.keys(route.query.shape) : []
  return [
    ...Object.keys(params).map((name) => partField(route, 'params', name, `:${name}`)),
    ...queryNames.map((name) => partField(route, 'query', name, `?${name}=`)),
    ...leavesOf(body).map((path) => bodyField(route, path)),
  ]
}

export function requestWith(route: Route, { params, query, body }: Inputs): TestRequest {
  const { method } = route
  const path = route.path.replaceAll(/:(\w+)/g, (_, name) => encodeURIComponent(params[name] ?? ''))
  const search = new URLSearchParams(query).toString()
  const isForm = route.media === 'form' && body !== undefined
  return {
    method,
    path: search === '' ? path : `${path}?${search}`,
    body: isForm ? new URLSearchParams(body as Record<string, string>) : body,
  }
}

/** A text that occurs nowhere else and that the field accepts. Undefined if it accepts no such text. */
export function canaryFor(field: Field, inputs: Inputs): string | undefined {
  const unique = `canary${randomBytes(8).toString('hex')}`
  const forms = [
    unique,
    `${unique}@example.com`,
    `https://example.com/${unique}`,
    unique.toUpperCase(),
  ]
  return forms.find((it) => field.put(inputs, it) !== undefined)
}

function leastQuery({ query }: Route): Record<string, string> {
  if (query === undefined || isAccepted(query, {})) return {}
  const sample = Object(sampleOf(query))
  return Object.fromEntries(Object.entries(sample).map(([name, it]) => [name, String(it)]))
}

// A body that the app gave may leave optional fields out.
function withAllFields({ body: schema }: Route, body: unknown): unknown {
  if (!(schema instanceof z.ZodObject) || !isObject(body)) return body
  const all = { ...Object(sampleOf(schema)), ...body }
  return isAccepted(schema, all) ? all : body
}

function partField(route: Route, part: 'params' | 'query', key: string, name: string): Field {
  return {
    name,
    put(inputs, text) {
      const changed = { ...inputs[part], [key]: text }
      const isEmptyPath = part === 'params' && text === ''
      return isEmptyPath || !isAccepted(route[part], changed)
        ? undefined
        : { ...inputs, [part]: changed }
    },
  }
}

function bodyField(route: Route, path: readonly string[]): Field {
  return {
    name: `body /${path.join('/')}`,
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
