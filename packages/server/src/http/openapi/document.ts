import type { App } from '../../app/define_app.ts'
import type { Policy } from '../../app/policy.ts'
import type { Route } from '../../app/route.ts'
import type { Endpoint } from '../endpoints/endpoint.ts'
import { operationIds, operationOf, tagOf, templateOf } from './operation.ts'
import { headerComponents, problemComponents, problemSchema } from './problems.ts'
import { describeSchemas, type JsonSchema, type Schemas } from './schemas.ts'

/** An OpenAPI 3.1 document, as far as this code looks into one. */
export interface OpenApiDocument {
  openapi: string
  info: JsonSchema
  servers: JsonSchema[]
  tags: JsonSchema[]
  paths: Record<string, Record<string, JsonSchema>>
  components: Record<string, Record<string, JsonSchema>>
}

/**
 * Describes the API by its routes and by nothing else. The same routes give the same bytes. Throws
 * where a route cannot be described: a schema without JSON form, two schemas with one name.
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
    // Never from the request: a document must not repeat what a client put into its Host header.
    servers: [{ url: '/', description: 'The tenant on whose host this document was read' }],
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

/** Serves the document; the same for every tenant. */
export function openApiEndpoint(document: OpenApiDocument): Endpoint {
  const body = JSON.stringify(document)
  return {
    path: '/openapi.json',
    respond: () => ({ type: 'application/json; charset=utf-8', body }),
  }
}

const INTRODUCTION = `Every request belongs to the tenant of its host, such as \`client1.example.com\`.

- **Errors** are \`application/problem+json\` (RFC 9457). \`code\` is stable; \`instance\` is the request id, which support asks for.
- **Lists** take \`limit\` (1 to 100) and the \`cursor\` that the page before gave as \`next_cursor\`.
- **Updates** take \`If-Match\` with the \`etag\` of a read, and answer 412 where somebody else was faster.
- **Limits** answer 429 with \`retry-after\`.`

const securitySchemes: Record<string, JsonSchema> = {
  oauth2: {
    type: 'oauth2',
    description: "Sign in with a member's e-mail (as the username) and password",
    flows: { password: { tokenUrl: '/api/auth/token', scopes: {} } },
  },
  bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
}

const tagDescriptions: Record<string, string> = {
  status: 'Whether the API runs',
  auth: 'Signing in and out, tokens, passwords, and who is signed in',
  tenant: 'The tenant of this host',
  'permission-check': 'An example of a route for one role',
  sessions: 'Where somebody is signed in',
  members: 'The people of the tenant and their roles',
  roles: "The tenant's own roles, beside the system roles",
  permissions: 'What a role can allow',
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
