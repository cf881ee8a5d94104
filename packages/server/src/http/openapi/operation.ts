import type { Policy } from '../../app/policy.ts'
import { isAnonymous, type Route } from '../../app/route.ts'
import { wireName } from '../app_cookies.ts'
import { hasEtag } from '../response/serialize.ts'
import { acceptsIfMatch, headersOf, problemResponses } from './problems.ts'
import type { Field, JsonSchema, Schemas } from './schemas.ts'

/** A route as an OpenAPI operation object. */
export function operationOf(route: Route, schemas: Schemas, policy: Policy): JsonSchema {
  const { description, deprecated } = route
  const parameters = parametersOf(route, schemas)
  return {
    tags: [tagOf(route)],
    summary: route.summary,
    description: [description, accessText(route, policy)].filter(Boolean).join('\n\n'),
    ...(deprecated === true ? { deprecated } : {}),
    'x-access': route.access,
    security: isAnonymous(route) ? [] : [{ oauth2: [] }, { bearer: [] }, { cookie: [] }],
    ...(parameters.length === 0 ? {} : { parameters }),
    ...requestBodyOf(route, schemas),
    responses: {
      [String(route.status)]: successOf(route, schemas),
      ...problemResponses(route),
    },
  }
}

/** The noun of a route: the segment after `/api`. */
export function tagOf(route: Route): string {
  return route.path.split('/')[2] ?? 'status'
}

/** A path in OpenAPI's notation: `/api/projects/{project_id}` for `/api/projects/:project_id`. */
export function templateOf(route: Route): string {
  return route.path.replaceAll(/:(\w+)/g, '{$1}')
}

/**
 * The ids of all operations, noun first: `projects_list`, `projects_get`, `auth_login`. Routes that would
 * share an id are named by their whole path.
 */
export function operationIds(routes: readonly Route[]): string[] {
  const short = routes.map(shortId)
  return routes.map((route, at) => {
    const id = short[at] ?? ''
    return short.filter((it) => it === id).length === 1 ? id : longId(route)
  })
}

function shortId(route: Route): string {
  const nouns = route.path
    .split('/')
    .filter((it) => it !== '' && it !== 'api' && !it.startsWith(':'))
  const verb = verbOf(route)
  return snakeCase([...(nouns.length === 0 ? ['status'] : nouns), ...(verb === '' ? [] : [verb])])
}

function longId(route: Route): string {
  return snakeCase([route.method, ...route.path.split('/')])
}

const verbs = { PUT: 'replace', PATCH: 'update', DELETE: 'delete' } as const

// A POST that creates no resource is named by its noun: `auth_login`, `invitations_acceptance`.
function verbOf(route: Route): string {
  if (route.method === 'POST') return route.status === 201 ? 'create' : ''
  if (route.method === 'GET') return isList(route) ? 'list' : 'get'
  return verbs[route.method]
}

function isList(route: Route): boolean {
  return route.reply !== undefined && 'shape' in route.reply && 'items' in Object(route.reply.shape)
}

function snakeCase(words: string[]): string {
  return words
    .map((it) => it.toLowerCase().replaceAll(/\W+/g, '_').replaceAll(/^_|_$/g, ''))
    .filter((it) => it !== '')
    .join('_')
}

function accessText({ access }: Route, policy: Policy): string {
  if (access === 'public') return 'Public: no sign-in is needed.'
  if (access === 'base') return 'At APP_HOST, which belongs to no tenant: no sign-in is needed.'
  if (access === 'member') return 'For every member of the tenant.'
  if (access.startsWith('role:')) return `For members with the role \`${access.slice(5)}\`.`
  const holders = Object.entries(policy.roles)
    .filter(([, { permissions }]) => policy.expand(permissions).has(access))
    .map(([name]) => `\`${name}\``)
  const roles = holders.length === 0 ? '' : ` (system roles: ${holders.join(', ')})`
  return `For members with the permission \`${access}\`${roles}.`
}

function parametersOf(route: Route, schemas: Schemas): JsonSchema[] {
  const inPath = schemas.fieldsOf(route.params).map((it) => parameter('path', it))
  const inQuery = schemas.fieldsOf(route.query).map((it) => parameter('query', it))
  const inHeader = schemas.fieldsOf(route.headers).map((it) => parameter('header', it))
  const inCookie = schemas
    .fieldsOf(route.appCookies)
    .map((it) => parameter('cookie', { ...it, name: wireName(it.name) }))
  return [
    ...inPath,
    ...inQuery,
    ...inHeader,
    ...inCookie,
    ...(acceptsIfMatch(route) ? [ifMatch] : []),
  ]
}

function parameter(
  place: 'path' | 'query' | 'header' | 'cookie',
  { name, required, schema }: Field,
): JsonSchema {
  // In OpenAPI these two belong to the parameter: tools do not look for them in its schema.
  const { description, deprecated, ...rest } = schema
  return {
    name,
    in: place,
    required: place === 'path' || required,
    ...(description === undefined ? {} : { description }),
    ...(deprecated === true ? { deprecated } : {}),
    schema: rest,
  }
}

const ifMatch: JsonSchema = {
  name: 'If-Match',
  in: 'header',
  required: false,
  description:
    'The `etag` of the version to change. If there is a newer version, nothing is changed',
  schema: { type: 'string' },
}

function requestBodyOf(route: Route, schemas: Schemas): JsonSchema {
  const { raw } = route
  if (raw !== undefined) {
    const bytes = Object.fromEntries(raw.types.map((type) => [type, {}]))
    return { requestBody: { required: true, content: bytes } }
  }
  if (route.body === undefined) return {}
  const media = route.media === 'form' ? 'application/x-www-form-urlencoded' : 'application/json'
  const required = !route.body.safeParse(undefined).success
  const content = { [media]: { schema: schemas.of(route.body, 'input') } }
  return { requestBody: { required, content } }
}

function successOf(route: Route, schemas: Schemas): JsonSchema {
  if (route.sends !== undefined) return otherReply(route.sends)
  if (route.reply === undefined) return { description: 'Done', headers: headersOf([]) }
  const schema = schemas.of(route.reply, 'output')
  const names = [
    ...(route.status === 201 && hasId(schema, schemas) ? ['location'] : []),
    ...(hasEtag(route) ? ['etag'] : []),
  ]
  return {
    description: route.status === 201 ? 'Created' : 'OK',
    headers: headersOf(names),
    content: { 'application/json': { schema } },
  }
}

function otherReply(sends: NonNullable<Route['sends']>): JsonSchema {
  if (sends.kind === 'redirect') {
    return { description: 'Elsewhere', headers: headersOf(['location']) }
  }
  const content = Object.fromEntries(sends.types.map((type) => [type, {}]))
  return { description: 'The file', headers: headersOf(['content-disposition']), content }
}

// Predicts what locationOf finds in the reply.
function hasId(schema: JsonSchema, { components }: Schemas): boolean {
  const named = components[String(schema['$ref']).replace('#/components/schemas/', '')]
  return 'id' in Object((named ?? schema)['properties'])
}
