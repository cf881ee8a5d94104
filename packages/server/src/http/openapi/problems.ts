import type { Route } from '../../app/route.ts'
import type { JsonSchema } from './schemas.ts'

/** What an error status means, for every route that may answer it. */
interface Meaning {
  name: string
  description: string
  headers?: readonly string[]
}

const meanings: Record<number, Meaning> = {
  400: { name: 'BadRequest', description: 'Not a request that can be read, or no valid host' },
  401: {
    name: 'Unauthorized',
    description: 'No valid credentials for this tenant',
    headers: ['www-authenticate'],
  },
  403: { name: 'Forbidden', description: 'Not allowed, or the tenant is suspended' },
  404: {
    name: 'NotFound',
    description: 'No such tenant, or nothing of this id in it',
  },
  409: { name: 'Conflict', description: 'It contradicts what is stored' },
  412: {
    name: 'PreconditionFailed',
    description: 'It has changed since the version that If-Match names: read it again',
  },
  413: { name: 'ContentTooLarge', description: 'The body is too large' },
  415: {
    name: 'UnsupportedMediaType',
    description: 'The body has another media type, or is compressed',
  },
  422: {
    name: 'UnprocessableContent',
    description: 'Understood and not acceptable: `errors` says where and why',
  },
  429: {
    name: 'TooManyRequests',
    description: 'Too many requests, or attempts at one thing',
    headers: ['retry-after', 'ratelimit', 'ratelimit-policy'],
  },
  503: {
    name: 'ServiceUnavailable',
    description: 'Not now, such as while the database is away',
    headers: ['retry-after'],
  },
}

const others = {
  name: 'OtherError',
  description:
    'What any request may meet: 408, 414, 431 for its size and pace, 500 for a fault of ours',
}

/** An error as it leaves (RFC 9457); see problem.ts. */
export const problemSchema: JsonSchema = {
  type: 'object',
  description: 'An error (RFC 9457)',
  properties: {
    type: { type: 'string', format: 'uri', description: 'Names the kind of error; stable' },
    title: { type: 'string', description: 'The status, in words' },
    status: { type: 'integer', description: 'The HTTP status' },
    detail: { type: 'string', description: 'What happened, for people' },
    code: { type: 'string', description: '`noun.reason`, for programs; stable' },
    instance: { type: 'string', description: 'The id of the request, for support' },
    errors: {
      type: 'array',
      description: 'What is wrong with the input: the first 20 faults',
      maxItems: 20,
      items: {
        type: 'object',
        properties: {
          pointer: { type: 'string', description: 'Where (JSON pointer, RFC 6901)' },
          message: { type: 'string', description: 'What to change' },
        },
        required: ['pointer', 'message'],
      },
    },
  },
  required: ['type', 'title', 'status', 'detail', 'code', 'instance'],
}

/** The headers that errors and other replies carry. */
export const headerComponents: Record<string, JsonSchema> = {
  'x-request-id': header('Names the request in errors, logs and the audit log'),
  'www-authenticate': header('The challenge of RFC 6750'),
  'retry-after': header('Seconds until it is worth trying again', 'integer'),
  ratelimit: header('What is left of the limit'),
  'ratelimit-policy': header('The limit that was met'),
  etag: header('Names this version, for If-Match'),
  location: header('Where the new resource is read'),
}

/** References to the headers of a reply; every reply names its request. */
export function headersOf(names: readonly string[]): Record<string, JsonSchema> {
  return Object.fromEntries(
    ['x-request-id', ...names].map((name) => [name, { $ref: `#/components/headers/${name}` }]),
  )
}

/** Every error a route may answer, as references by status. Throws for a status without meaning. */
export function problemResponses(route: Route): Record<string, JsonSchema> {
  const entries = statusesOf(route).map((status) => {
    const meaning = meanings[status]
    if (meaning === undefined) {
      throw new Error(
        `${route.method} ${route.path}: errors has ${status}, which is no known error`,
      )
    }
    return [String(status), { $ref: `#/components/responses/${meaning.name}` }] as const
  })
  return Object.fromEntries([
    ...entries,
    ['default', { $ref: `#/components/responses/${others.name}` }],
  ])
}

/** The shared responses behind those references. */
export function problemComponents(): Record<string, JsonSchema> {
  return Object.fromEntries(
    [...Object.values(meanings), others].map((it: Meaning) => [
      it.name,
      {
        description: it.description,
        headers: headersOf(it.headers ?? []),
        content: {
          'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } },
        },
      },
    ]),
  )
}

/** Is this a change of one thing, which a client may tie to the version it has read? */
export function acceptsIfMatch(route: Route): boolean {
  const changes = route.method === 'PATCH' || route.method === 'PUT'
  return changes && route.reply !== undefined && /\/:\w+$/.test(route.path)
}

// What the pipeline itself may answer, by what the route is; the route adds what only it knows.
function statusesOf(route: Route): number[] {
  const signedIn = route.access !== 'public'
  const writes = route.method !== 'GET'
  const reads = [route.params, route.query, route.body].some((it) => it !== undefined)
  const statuses = new Set([400, 403, 404, 429, 503, ...route.errors])
  if (signedIn) statuses.add(401)
  // The framework reads whatever body is sent, wanted or not.
  if (writes) statuses.add(413).add(415).add(422)
  if (reads) statuses.add(422)
  if (signedIn && writes) statuses.add(409)
  if (acceptsIfMatch(route)) statuses.add(412)
  return [...statuses].sort((a, b) => a - b)
}

function header(description: string, type = 'string'): JsonSchema {
  return { description, schema: { type } }
}
