import type { App } from '../../app/define_app.ts'
import type { Policy } from '../../app/policy.ts'
import type { Route } from '../../app/route.ts'
import type { Endpoint } from '../endpoints/endpoint.ts'
import { operationIds, operationOf, tagOf, templateOf } from './operation.ts'
import { headerComponents, problemComponents, problemSchema } from './problems.ts'
import { describeSchemas, type JsonSchema, type Schemas } from './schemas.ts'

/** An OpenAPI 3.1 document, as far as this code uses it. */
export interface OpenApiDocument {
  openapi: string
  info: JsonSchema
  servers: JsonSchema[]
  tags: JsonSchema[]
  paths: Record<string, Record<string, JsonSchema>>
  components: Record<string, Record<string, JsonSchema>>
}

/**
 * Describes the API from its routes alone: the same routes give the same bytes. Throws if a route cannot
 * be described, because a schema has no JSON form or two schemas have one name.
 */
export function openApiDocument(
  app: Pick<App, 'name' | 'policy'>,
  routes: readonly Route[],
  { version }: { version: string },
): OpenApiDocument {
  const schemas = describeSchemas(routes)
  if ('Problem' in schemas.components) {
    throw new Error('the schema name "Problem" is the kernel\'s own; choose another')
  }
  return {
    openapi: '3.1.1',
    info: { title: app.name, version, description: INTRODUCTION },
    // Never from the request: the document must not repeat a client's Host header.
    servers: [{ url: '/', description: 'The tenant of the host that served this document' }],
    tags: tagsOf(routes),
    paths: pathsOf(routes, schemas, app.policy),
    components: {
      schemas: { ...schemas.components, Problem: problemSchema },
      responses: problemComponents(),
      headers: headerComponents,
      securitySchemes,
    },
  }
}

/** Serves the document, which is the same for every tenant. */
export function openApiEndpoint(document: OpenApiDocument): Endpoint {
  const body = JSON.stringify(document)
  return {
    path: '/openapi.json',
    respond: () => ({ type: 'application/json; charset=utf-8', body }),
  }
}

const INTRODUCTION = `Every request belongs to the tenant of its host, such as \`client1.example.com\`.

- **Errors** are \`application/problem+json\` (RFC 9457). \`code\` is stable; \`instance\` is the request id, which support asks for.
- **Lists** take \`limit\` (1 to 100) and the \`next_cursor\` of the previous page as \`cursor\`.
- **Updates** take \`If-Match\` with the \`etag\` of a read, and answer 412 if the resource has changed since then.
- **Limits** answer 429 with \`retry-after\`.`

const securitySchemes: Record<string, JsonSchema> = {
  oauth2: {
    type: 'oauth2',
    description: "Sign in with a member's e-mail (as the username) and password",
    flows: { password: { tokenUrl: '/api/auth/token', scopes: {} } },
  },
  bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
  cookie: {
    type: 'apiKey',
    in: 'cookie',
    name: '__Host-tenantry',
    description:
      'Sign in with `session: "cookie"`. A change must come from a page of the same origin (`Origin`)',
  },
}

const tagDescriptions: Record<string, string> = {
  status: 'Whether the API is running',
  auth: 'Signing in and out, tokens, passwords, and who is signed in',
  branding: 'What a page shows before sign-in',
  tenant: 'The tenant of this host, and what people see of it',
  account: 'The signed-in person',
  'permission-check': 'An example of a route for one role',
  sessions: 'Where a user is signed in',
  members: 'The members of the tenant and their roles',
  'ownership-transfers': 'Handing the tenant over to another member',
  roles: "The tenant's own roles, in addition to the system roles",
  permissions: 'The permissions that a role can grant',
  'audit-logs': 'Who did what, and when',
}

function pathsOf(routes: readonly Route[], schemas: Schemas, policy: Policy) {
  const ids = operationIds(routes)
  const paths: OpenApiDocument['paths'] = {}
  for (const [at, route] of routes.entries()) {
    const path = templateOf(route)
    const operation = { operationId: ids[at], ...operationOf(route, schemas, policy) }
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation }
  }
  return paths
}

function tagsOf(routes: readonly Route[]): JsonSchema[] {
  return [...new Set(routes.map(tagOf))].map((name) => {
    const description = tagDescriptions[name]
    return { name, ...(description === undefined ? {} : { description }) }
  })
}
