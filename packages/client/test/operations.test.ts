import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Route } from '../../server/src/app/route.ts'
import {
  bodyFor,
  createWorld,
  inSafeOrder,
  nameOf,
  type PopulatedTenant,
  readyFor,
  type World,
} from '../../server/src/testing/sweeps/world/world.ts'
import { app } from '../../server/test/fixtures/app/app.ts'
import { ApiProblem, createClient, tokens } from '../src/index.ts'
import { fetchFrom } from './fetch_from.ts'

let world: World
beforeAll(async () => {
  world = await createWorld(app)
})
afterAll(() => world.close())

// What a test cannot know: the secret of a mail.
const REJECTED: Record<string, string> = {
  'POST /api/hand-overs': 'hand_over.cookie_required',
  'POST /api/hand-over-challenges': 'csrf.origin',
  // Before there is one.
  'GET /api/branding/logo': 'resource.not_found',
  // Without a code in the query.
  'GET /api/hand-over-redemptions': 'request.invalid',
  ...Object.fromEntries(
    [
      'POST /api/auth/reset-password',
      'POST /api/email-changes',
      'POST /api/email-verifications',
      'POST /api/sign-up-receipts',
      'POST /api/invitation-acceptances',
      'POST /api/invitation-previews',
      'POST /api/sign-ups/:sign_up_id/confirmation',
      'POST /api/sign-ups/:sign_up_id/preview',
    ].map((route) => [route, 'token.invalid']),
  ),
}

type AnyCall = (path: string, init: object) => Promise<{ response: Response }>

/** A route and its input, as an app writes them. */
function inputOf(route: Route, populated: PopulatedTenant) {
  const parts = route.path.split('/')
  const ids = parts.flatMap((part, at) => {
    if (!part.startsWith(':')) return []
    return [[part.slice(1), populated.ids.get(parts.slice(0, at).join('/')) ?? randomUUID()]]
  })
  const body = bodyFor(world, route, populated)
  const form = body instanceof URLSearchParams
  return {
    path: route.path.replaceAll(/:(\w+)/g, '{$1}'),
    init: {
      params: { path: Object.fromEntries(ids) },
      ...(body === undefined ? {} : { body: form ? Object.fromEntries(body) : body }),
      ...(form ? { headers: { 'content-type': 'application/x-www-form-urlencoded' } } : {}),
      ...(body instanceof Blob ? bytesOf(body) : {}),
      ...(route.sends?.kind === 'file' ? { parseAs: 'blob' } : {}),
    },
  }
}

const bytesOf = (body: Blob) => ({
  bodySerializer: (it: Blob) => it,
  headers: { 'content-type': body.type },
})

const clientAt = (host: string) =>
  createClient({
    origin: `http://${host}`,
    session: tokens(),
    fetch: fetchFrom(world.api.port),
  })

async function signedIn({ tenant, admin: { email, password } }: PopulatedTenant) {
  const client = clientAt(tenant.host)
  await client.signIn({ email, password })
  return client
}

async function outcomeOf(sending: Promise<{ response: Response }>): Promise<number | string> {
  try {
    return (await sending).response.status
  } catch (error) {
    if (error instanceof ApiProblem) return error.code
    throw error
  }
}

test('every operation of the API can be called, and reaches its route', async () => {
  const client = await signedIn(world.a)
  const outcomes: Record<string, number | string> = {}
  const expected: Record<string, number | string> = {}
  for (const route of inSafeOrder(world)) {
    const here = await readyFor(world, route, world.a)
    const { path, init } = inputOf(route, here)
    // A route that changes the account of its caller has a caller of its own.
    const own = here.admin === world.a.admin ? client : await signedIn(here)
    const caller = route.access === 'base' ? clientAt(world.api.config.APP_HOST) : own
    // Typed by nothing: the paths come from the document, as the types do.
    const call = caller[route.method] as unknown as AnyCall
    const before = world.api.logLines.length
    outcomes[nameOf(route)] = await outcomeOf(call(path, init))
    expected[nameOf(route)] = REJECTED[nameOf(route)] ?? route.status
    const lines = world.api.logLines.slice(before).map((line) => JSON.parse(line))
    const routes = lines.map(({ method, route: path }) => `${method} ${path}`)
    expect(routes).toContain(nameOf(route))
  }
  expect(outcomes).toEqual(expected)
  const operations = Object.values(world.api.running.document.paths).flatMap(Object.keys)
  expect(Object.keys(outcomes)).toHaveLength(operations.length)
})
