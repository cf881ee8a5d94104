import { validate } from '@scalar/openapi-parser'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { app } from '../../../test/fixtures/app/app.ts'
import type { Route } from '../../app/route.ts'
import { describeApp } from '../../runtime/describe_app.ts'
import {
  startTestApp,
  type TestApp,
  type TestReply,
  type TestTenant,
  type TestUser,
} from '../../testing.ts'

/** Untyped JSON: a test reads what it expects. */
type Json = TestReply['json']

let api: TestApp
let document: Json
beforeAll(async () => {
  api = await startTestApp(app)
  document = (await api.send('anyone.example', { path: '/openapi.json' })).json
})
afterAll(() => api.close())

function operationFor(route: Route): Json {
  const path = route.path.replaceAll(/:(\w+)/g, '{$1}')
  return document.paths[path]?.[route.method.toLowerCase()]
}

function resolve(ref: string): Json {
  const steps = ref.replace('#/', '').split('/')
  return steps.reduce((at: Json, step) => at?.[step], document)
}

function refsIn(value: unknown): string[] {
  const refs: string[] = []
  JSON.stringify(value, (key, it) => {
    if (key === '$ref') refs.push(it)
    return it
  })
  return refs
}

describe('the OpenAPI document', () => {
  test('is valid by the official schema of OpenAPI 3.1 (API-2)', async () => {
    const { valid, errors } = await validate(structuredClone(document))
    expect(errors ?? []).toEqual([])
    expect(valid).toBe(true)
    expect(document.openapi).toMatch(/^3\.1\./)
  })

  test('is the same for every host, and names no host (TEN-7)', async () => {
    const hosts = ['client1.localhost', 'evil.example', '127.0.0.1']
    const replies = await Promise.all(
      hosts.map((host) =>
        api.send(host, {
          path: '/openapi.json',
          headers: { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'gopher' },
        }),
      ),
    )
    expect(new Set(replies.map((it) => it.text)).size).toBe(1)
    expect(document.servers).toMatchObject([{ url: '/' }])
    expect(replies[0]?.text).not.toMatch(/evil|https?:\/\//)
  })

  test('describes every route and nothing else (API-2)', () => {
    for (const route of api.running.routes) {
      const operation = operationFor(route)
      expect(operation, `${route.method} ${route.path}`).toBeDefined()
      expect(operation['x-access']).toBe(route.access)
      expect(operation.responses[route.status]).toBeDefined()
      expect(operation.security.length === 0).toBe(['public', 'base'].includes(route.access))
    }
    const described = Object.values<Json>(document.paths).flatMap((it) => Object.keys(it))
    expect(described).toHaveLength(api.running.routes.length)
  })

  test('has no dangling reference and no unused schema (API-2)', () => {
    for (const ref of refsIn(document)) expect(resolve(ref), ref).toBeDefined()
    const used = new Set(refsIn(document))
    const schemas = Object.keys(document.components.schemas)
    expect(schemas.filter((it) => !used.has(`#/components/schemas/${it}`))).toEqual([])
  })

  test('gives every operation its own id', () => {
    const ids = api.running.routes.map((it) => operationFor(it).operationId)
    expect(new Set(ids).size).toBe(ids.length)
    expect(ids).toContain('projects_list')
    expect(ids).toContain('projects_get')
    expect(ids).toContain('projects_create')
    expect(ids).toContain('auth_login')
  })

  test('shows the limits, defaults and deprecations of query parameters', () => {
    const list = document.paths['/api/projects'].get
    const limit = list.parameters.find((it: Json) => it.name === 'limit')
    expect(limit).toMatchObject({
      in: 'query',
      required: false,
      schema: { type: 'integer', minimum: 1, maximum: 100, default: 50 },
    })
    const login = document.paths['/api/auth/login'].post
    expect(login.parameters.map((it: Json) => [it.name, it.deprecated])).toEqual([
      ['email', true],
      ['password', true],
    ])
    expect(login.requestBody.required).toBe(false)
  })

  test('describes the headers for creating, reading and changing a resource (API-6)', () => {
    const create = document.paths['/api/projects'].post
    const one = document.paths['/api/projects/{project_id}']
    expect(create.responses['201'].headers.location).toBeDefined()
    expect(one.get.responses['200'].headers.etag).toBeDefined()
    expect(one.patch.parameters.map((it: Json) => it.name)).toContain('If-Match')
    expect(one.patch.responses['412']).toBeDefined()
    expect(one.get.responses['412']).toBeUndefined()
  })

  test('offers only the password flow of this host', () => {
    expect(document.components.securitySchemes.oauth2).toMatchObject({
      flows: { password: { tokenUrl: '/api/auth/token' } },
    })
    const token = document.paths['/api/auth/token'].post
    expect(Object.keys(token.requestBody.content)).toEqual(['application/x-www-form-urlencoded'])
  })

  test('equals the one that `tenantry generate` writes', async () => {
    const described = (await describeApp(app)).document
    expect(JSON.parse(JSON.stringify(described))).toEqual(document)
  })
})

describe('a reply of any route', () => {
  let tenant: TestTenant
  let admin: TestUser
  beforeAll(async () => {
    tenant = await api.makeTenant()
    admin = await tenant.makeUser({ roles: ['admin_tenant'] })
  })

  const nothing = '00000000-0000-7000-8000-000000000000'
  const attempts = [
    { name: 'no credentials', signedIn: false },
    { name: 'no body', signedIn: true },
    { name: 'text', signedIn: true, type: 'text/plain', body: 'hello' },
    { name: 'broken JSON', signedIn: true, type: 'application/json', body: '{' },
    { name: 'empty JSON', signedIn: true, type: 'application/json', body: '{}' },
    { name: 'a form', signedIn: true, type: 'application/x-www-form-urlencoded', body: 'a=1' },
    {
      name: 'a large body',
      signedIn: true,
      type: 'application/json',
      body: `"${'x'.repeat(300_000)}"`,
    },
    { name: 'a repeated parameter', signedIn: true, query: '?limit=1&limit=2' },
    { name: 'a bad parameter', signedIn: true, query: '?limit=0&cursor=x' },
    {
      name: 'a stale version',
      signedIn: true,
      type: 'application/json',
      body: '{}',
      ifMatch: '"x"',
    },
  ]

  function answerTo(route: Route, attempt: (typeof attempts)[number]): Promise<TestReply> {
    const { query = '', body, type, ifMatch } = attempt
    return tenant.send({
      method: route.method,
      path: route.path.replaceAll(/:\w+/g, nothing) + query,
      user: attempt.signedIn ? admin : undefined,
      body,
      headers: {
        ...(type === undefined ? {} : { 'content-type': type }),
        ...(ifMatch === undefined ? {} : { 'if-match': ifMatch }),
      },
    })
  }

  test('has a status that the document lists, and errors are problem+json (API-1, API-2)', async () => {
    const seen = new Set<number>()
    for (const route of api.running.routes) {
      const sent = attempts.filter((it) => route.method !== 'GET' || it.body === undefined)
      for (const attempt of sent) {
        const reply = await answerTo(route, attempt)
        const what = `${route.method} ${route.path} with ${attempt.name}`
        const listed = Object.keys(operationFor(route).responses)
        expect(listed, what).toContain(String(reply.status))
        if (reply.status >= 400) expect(reply, what).toSatisfy(isProblem)
        seen.add(reply.status)
      }
    }
    expect([...seen].sort()).toEqual(expect.arrayContaining([200, 400, 401, 404, 413, 415, 422]))
  })

  function isProblem({ headers, json }: TestReply): boolean {
    const required: string[] = document.components.schemas.Problem.required
    const type = headers['content-type'] ?? ''
    return type.startsWith('application/problem+json') && required.every((it) => it in json)
  }
})
