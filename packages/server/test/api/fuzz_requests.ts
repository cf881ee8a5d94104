import { randomUUID } from 'node:crypto'
import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import * as fc from 'fast-check'
import type { Route } from '../../src/app/route.ts'
import { replyCheck } from '../../src/testing/sweeps/replies.ts'
import { cookieOnly } from '../../src/testing/sweeps/world/cookie_only.ts'
import { collectionsIn } from '../../src/testing/sweeps/world/paths.ts'
import { nameOf, sendTo, type World } from '../../src/testing/sweeps/world/world.ts'
import type { TestReply } from '../../src/testing.ts'
import { type Described, junk, spoiled, valuesFor } from './fuzz_inputs.ts'

/** One request that the fuzzer sends. */
export interface FuzzRequest {
  /** `GET /api/projects/:project_id` */
  operation: string
  /** `none` is a member without roles, `anonymous` is not signed in, `foreign` belongs to tenant B. */
  caller: 'admin' | 'none' | 'anonymous' | 'foreign'
  /** One for each id in the path, and whose it is. */
  ids: { kind: 'own' | 'foreign' | 'absent' | 'junk'; text: string }[]
  query: Record<string, string>
  body: unknown
}

/** Returns the faults of a reply to a request. */
export type Judge = (request: FuzzRequest, reply: TestReply) => string[]

/** Requests to every operation, by its parameters and its body as the document describes them. */
export function fuzzRequests(world: World): fc.Arbitrary<FuzzRequest> {
  return fc.constantFrom(...world.routes).chain((route) =>
    fc.record<FuzzRequest>({
      operation: fc.constant(nameOf(route)),
      caller: fc.constantFrom('admin', 'admin', 'admin', 'admin', 'none', 'anonymous', 'foreign'),
      ids: fc.tuple(...collectionsIn(route.path).map((it) => idsIn(world, it))),
      query: queriesFor(world, route),
      body: bodiesFor(world, route),
    }),
  )
}

function idsIn({ a, b }: World, collection: string): fc.Arbitrary<FuzzRequest['ids'][number]> {
  const id = (kind: 'own' | 'foreign' | 'absent', text: string = randomUUID()) => ({ kind, text })
  return fc.oneof(
    { weight: 3, arbitrary: fc.constant(id('own', a.ids.get(collection))) },
    fc.constant(id('foreign', b.ids.get(collection))),
    fc.uuid().map((text) => id('absent', text)),
    junk.map((it) => ({ kind: 'junk' as const, text: textOf(it).slice(0, 300) })),
  )
}

interface Operation {
  parameters?: { name: string; in: string; schema: Described }[]
  requestBody?: { required: boolean; content: Record<string, { schema: Described }> }
}

function operationOf({ api }: World, { method, path }: Route): Operation {
  const template = path.replaceAll(/:(\w+)/g, '{$1}')
  return api.running.document.paths[template]?.[method.toLowerCase()] ?? {}
}

function queriesFor(world: World, route: Route): fc.Arbitrary<Record<string, string>> {
  const fields = (operationOf(world, route).parameters ?? []).filter((it) => it.in === 'query')
  const { document } = world.api.running
  const entries = fields.map(({ name, schema }) => {
    const good = valuesFor(document, schema, knownIds(world))
    const arbitrary = fc
      .oneof({ weight: 3, arbitrary: good }, junk)
      .map((it) => textOf(it).slice(0, 1_500))
    return [name, arbitrary] as const
  })
  return fc.record<Record<string, string>>(Object.fromEntries(entries), { requiredKeys: [] })
}

function bodiesFor(world: World, route: Route): fc.Arbitrary<unknown> {
  const schema = bodySchema(world, route)
  // A route without a body must accept none, and ignore or reject one.
  if (schema === undefined) return fc.oneof({ weight: 4, arbitrary: fc.constant(undefined) }, junk)
  const good = valuesFor(world.api.running.document, schema, knownIds(world))
  return fc.oneof(good, good.chain(spoiled))
}

function bodySchema(world: World, route: Route): Described | undefined {
  const content = operationOf(world, route).requestBody?.content ?? {}
  return Object.values(content)[0]?.schema
}

function knownIds({ a, b }: World): string[] {
  return [...a.ids.values(), ...b.ids.values()]
}

/** Sends a request to tenant A, without what a path or a form cannot carry. */
export function sendFuzz(world: World, given: FuzzRequest): Promise<TestReply> {
  const { a, b } = world
  const route = routeOf(world, given)
  const ids = given.ids.map(({ text }) => encodeURIComponent(text.toWellFormed()))
  const path = route.path.replaceAll(/:\w+/g, () => ids.shift() || '%20')
  const query = new URLSearchParams(given.query)
  const users = { admin: a.admin, none: a.users['none'], anonymous: undefined, foreign: b.admin }
  const isForm = route.media === 'form' && typeof given.body === 'object' && given.body !== null
  const body = isForm
    ? new URLSearchParams(
        Object.entries(given.body ?? {}).map(([key, it]): [string, string] => [key, textOf(it)]),
      )
    : given.body
  const isText = typeof body === 'string'
  return sendTo(world, route, a, {
    method: route.method,
    path: query.size === 0 ? path : `${path}?${query}`,
    user: users[given.caller],
    ...(isText ? { headers: { 'content-type': 'application/json' } } : {}),
    body: isText ? JSON.stringify(body) : body,
  })
}

/** Judges replies by the document: no 5xx, as described, no invalid input accepted. */
export function fuzzJudge(world: World): Judge {
  const conforms = replyCheck(world)
  const isInvalidBody = bodyValidation(world)
  return (request, reply) => {
    const { caller, ids } = request
    const route = routeOf(world, request)
    const faults: string[] = []
    const say = (what: string) =>
      faults.push(`${nameOf(route)}: ${what} (${reply.status} ${reply.text.slice(0, 300)})`)
    if (reply.status >= 500 && reply.status !== 503) say('an internal error')
    else faults.push(...conforms(route, reply))
    // The users of both tenants are the same people, and this call signs them in at tenant A.
    const isForeign = caller === 'foreign' && !(route.path in cookieOnly)
    const outsider = caller === 'anonymous' || isForeign
    const isOpen = route.access === 'public' || route.access === 'base'
    if (outsider && !isOpen && reply.status !== 401) say('admitted an outsider')
    if (reply.status >= 300) return faults
    // At APP_HOST a path has names, which belong to no tenant.
    if (route.access !== 'base' && ids.some((it) => it.kind !== 'own'))
      say("accepted an id that is not this tenant's")
    if (isInvalidBody(request)) say('accepted a body that is not as described')
    return faults
  }
}

// JSON bodies only: in a form every value is text.
function bodyValidation(world: World): (request: FuzzRequest) => boolean {
  const ajv = new Ajv2020({ strict: false })
  addFormats.default(ajv)
  ajv.addSchema(world.api.running.document, 'api')
  const validators = new Map(
    world.routes.map((route) => {
      const schema = JSON.stringify(bodySchema(world, route) ?? {}).replaceAll('"#/', '"api#/')
      return [nameOf(route), ajv.compile(JSON.parse(schema))]
    }),
  )
  return (request) => {
    const { body } = request
    const route = routeOf(world, request)
    // HTTP gives the body of a GET no meaning: the server ignores it.
    if (route.method === 'GET' || route.media === 'form' || body === undefined) return false
    if (route.body === undefined) return !['{}', 'null'].includes(JSON.stringify(body))
    const optional = operationOf(world, route).requestBody?.required === false
    if (optional && body === null) return false
    return validators.get(nameOf(route))?.(body) === false
  }
}

function routeOf({ routes }: World, { operation }: FuzzRequest): Route {
  const route = routes.find((it) => nameOf(it) === operation)
  if (route === undefined) throw new Error(`there is no ${operation}`)
  return route
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '')
}
