import { isAnonymous, type Route } from '../../app/route.ts'
import type { JsonSchema } from './schemas.ts'

/** The meaning of an error status, for every route that may answer it. */
interface Meaning {
  name: string
  description: string
  headers?: readonly string[]
}

const meanings: Record<number, Meaning> = {
  400: { name: 'BadRequest', description: 'The request is malformed, or its host is invalid' },
  401: {
    name: 'Unauthorized',
    description: 'No valid credentials for this tenant',
    headers: ['www-authenticate'],
  },
  403: {
    name: 'Forbidden',
    description: 'The actor lacks the permission, or the tenant is suspended',
  },
  404: {
    name: 'NotFound',
    description: 'The tenant does not exist, or it has no resource with this id',
  },
  409: { name: 'Conflict', description: 'The request conflicts with stored data' },
  412: {
    name: 'PreconditionFailed',
    description: 'The resource has changed since the version that If-Match names: read it again',
  },
  413: { name: 'ContentTooLarge', description: 'The body is too large' },
  415: {
    name: 'UnsupportedMediaType',
    description: 'The media type of the body is not accepted, or the body is compressed',
  },
  422: {
    name: 'UnprocessableContent',
    description: 'The request is well-formed but invalid: `errors` lists where and why',
  },
  429: {
    name: 'TooManyRequests',
    description: 'Too many requests or attempts',
    headers: ['retry-after', 'ratelimit', 'ratelimit-policy'],
  },
  503: {
    name: 'ServiceUnavailable',
    description: 'Temporarily unavailable, for example while the database cannot be reached',
    headers: ['retry-after'],
  },
}

const others = {
  name: 'OtherError',
  description:
    'Errors that any request may get: 408, 414 and 431 for its duration and size, 500 for a fault of the server',
}

/** The body of an error reply (RFC 9457); see problem.ts. */
export const problemSchema: JsonSchema = {
  type: 'object',
  description: 'An error (RFC 9457)',
  properties: {
    type: { type: 'string', format: 'uri', description: 'Identifies the kind of error; stable' },
    title: { type: 'string', description: 'The status, in words' },
    status: { type: 'integer', description: 'The HTTP status' },
    detail: { type: 'string', description: 'What happened, for people' },
    code: { type: 'string', description: '`noun.reason`, for programs; stable' },
    instance: { type: 'string', description: 'The id of the request, for support' },
    errors: {
      type: 'array',
      description: 'The faults of the input, at most the first 20',
      maxItems: 20,
      items: {
        type: 'object',
        properties: {
          pointer: {
            type: 'string',
            description: 'The place in the input (JSON pointer, RFC 6901)',
          },
          message: { type: 'string', description: 'What to change' },
        },
        required: ['pointer', 'message'],
      },
    },
  },
  required: ['type', 'title', 'status', 'detail', 'code', 'instance'],
}

/** The headers of errors and other replies. */
export const headerComponents: Record<string, JsonSchema> = {
  'x-request-id': header('Identifies the request in errors, logs and the audit log'),
  'www-authenticate': header('The challenge of RFC 6750'),
  'retry-after': header('Seconds to wait before trying again', 'integer'),
  ratelimit: header('The remaining quota'),
  'ratelimit-policy': header('The limit that was exceeded'),
  etag: header('Identifies this version, for If-Match'),
  location: header('The path of the new resource, or where a redirect leads'),
  'content-disposition': header('The name of the file (RFC 6266)'),
}

/** References to the headers of a reply. Every reply has a request id. */
export function headersOf(names: readonly string[]): Record<string, JsonSchema> {
  return Object.fromEntries(
    ['x-request-id', ...names].map((name) => [name, { $ref: `#/components/headers/${name}` }]),
  )
}

/** References to every error that a route may answer, by status. Throws for a status without meaning. */
export function problemResponses(route: Route): Record<string, JsonSchema> {
  const entries = statusesOf(route).map((status) => {
    const meaning = meanings[status]
    if (meaning === undefined) {
      throw new Error(
        `${route.method} ${route.path}: errors lists ${status}, which is not an error that the kernel answers`,
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

/** Does this route change one resource, so that a client may send If-Match? */
export function acceptsIfMatch(route: Route): boolean {
  const changes = route.method === 'PATCH' || route.method === 'PUT'
  return changes && route.reply !== undefined && route.single
}

// The statuses that the pipeline may answer for such a route, and those that the route declares.
function statusesOf(route: Route): number[] {
  const signedIn = !isAnonymous(route)
  const writes = route.method !== 'GET'
  // 422: a query may have a parameter that the route does not declare.
  const statuses = new Set([400, 403, 404, 422, 429, 503, ...route.errors])
  if (signedIn) statuses.add(401)
  // Fastify reads any body that is sent, even if the route takes none.
  if (writes) statuses.add(413).add(415)
  if (signedIn && writes) statuses.add(409)
  if (acceptsIfMatch(route)) statuses.add(412)
  return [...statuses].sort((a, b) => a - b)
}

function header(description: string, type = 'string'): JsonSchema {
  return { description, schema: { type } }
}
