import { randomUUID } from 'node:crypto'
import { isAnonymous, type Route } from '../../app/route.ts'
import type { TestReply, TestRequest } from '../http_client.ts'
import { attackInputs } from './inputs/attack.ts'
import { type ForeignValue, foreignValues } from './inputs/foreign_values.ts'
import { unjudgedInputs } from './inputs/unjudged.ts'
import { isEqual, isEqualButForNewIds } from './world/compare.ts'
import { collectionsIn } from './world/paths.ts'
import { isCreator } from './world/relations.ts'
import { changedTables, fingerprintOf, valuesOf } from './world/rows.ts'
import {
  bodyFor,
  call,
  changesCaller,
  leavesTenant,
  nameOf,
  pathIn,
  pathToNothing,
  readyFor,
  sendTo,
  type World,
} from './world/world.ts'

/**
 * Attacks every route of tenant A with tokens of tenant B, and with its ids, names and cursors in every
 * input and in headers. The reply must equal that for a value that never was, byte for byte, and the rows
 * of B must not change. Returns the violations.
 */
export async function isolationFaults(world: World): Promise<string[]> {
  await readEverything(world)
  const faults: string[] = []
  const values = await foreignValues(world)
  // Last those that create or rename: what they store under a name of B is a row of A from then on.
  for (const route of world.routes.toSorted(
    (x, y) => Number(storesInputs(x)) - Number(storesInputs(y)),
  )) {
    // It takes no input, and only the first call comes from a member.
    if (leavesTenant(route)) continue
    const a = changesCaller(route) ? await readyFor(world, route, world.a) : world.a
    faults.push(...(await attack({ ...world, a }, route, values)))
    for (const line of unjudgedInputs(world, route, values)) world.unjudged.add(line)
  }
  for (const route of world.routes) faults.push(...(await tokenFaults(world, route)))
  return faults
}

function storesInputs(route: Route): boolean {
  return isCreator(route) || changesCaller(route)
}

// If the app caches a reply to B wrongly, it can return it to A from now on.
async function readEverything(world: World): Promise<void> {
  for (const route of world.routes.filter((it) => it.method === 'GET')) {
    await call(world, route, world.b, world.b.admin)
  }
}

async function attack(world: World, route: Route, values: ForeignValue[]): Promise<string[]> {
  await world.api.running.settle()
  const before = await fingerprintOf(world.b.tenant.id)
  const faults = [
    ...(await pathFaults(world, route)),
    ...(await bodyFaults(world, route)),
    ...(await attackInputs(world, route, values)),
    ...(await namedTenantFaults(world, route)),
    ...(await leakFaults(world, route)),
  ]
  await world.api.running.settle()
  const changed = changedTables(before, await fingerprintOf(world.b.tenant.id))
  if (changed.length === 0) return faults
  return [...faults, `${nameOf(route)}: changed another tenant's rows in ${changed.join(', ')}`]
}

// Replaces one id of the path at a time: the others stay those of A, so that a parent cannot hide a child.
async function pathFaults(world: World, route: Route): Promise<string[]> {
  const faults: string[] = []
  // At APP_HOST there are no items of a tenant.
  const collections = route.access === 'base' ? [] : collectionsIn(route.path)
  for (const collection of collections) {
    const theirs = world.b.ids.get(collection)
    if (theirs === undefined) {
      faults.push(
        `${nameOf(route)}: the sweeps have no item of ${collection}; add a route that creates one, or its body`,
      )
      continue
    }
    const reply = (id: string) => {
      const ids = new Map(world.a.ids).set(collection, id)
      return ask(world, route, { path: pathIn(route, { ...world.a, ids }) })
    }
    const [foreign, absent] = [await reply(theirs), await reply(randomUUID())]
    if (!isEqual(foreign, absent) || foreign.status < 400) {
      faults.push(
        `${nameOf(route)}: ${collection} of another tenant answers ${bothReplies(foreign, absent)}`,
      )
    }
  }
  return faults
}

// Replaces each id of A in the body of a valid request, at any depth, by one of B.
async function bodyFaults(world: World, route: Route): Promise<string[]> {
  const body = bodyFor(world, route, world.a)
  if (typeof body !== 'object' || body === null) return []
  const faults: string[] = []
  for (const [collection, own] of world.a.referable) {
    const theirs = world.b.referable.get(collection)
    if (theirs === undefined || !textOf(body).includes(own)) continue
    const reply = (id: string) => ask(world, route, { body: withText(body, own, id) })
    const [foreign, absent] = [await reply(theirs), await reply(randomUUID())]
    if (isEqual(foreign, absent) && foreign.status >= 400) continue
    faults.push(
      `${nameOf(route)}: ${collection} of another tenant in the body answers ${bothReplies(foreign, absent)}`,
    )
  }
  return faults
}

// Naming B in query, headers or body, in addition to its ids, is rejected or ignored: the reply is the same
// as for an unknown tenant. One parameter at a time: an undeclared one is rejected before any is used.
async function namedTenantFaults(world: World, route: Route): Promise<string[]> {
  const path = pathIn(route, world.b)
  const inQuery = (name: string) => (id: string) =>
    ask(world, route, { path: `${path}?${new URLSearchParams({ [name]: id })}` })
  const inRest = (id: string) => {
    const headers = { 'x-tenant-id': id, 'x-tenant': id }
    const body = withTenant(bodyFor(world, route, world.a), id)
    return ask(world, route, { path, headers, body })
  }
  const same = route.method === 'GET' ? isEqual : isEqualButForNewIds
  const faults = new Set<string>()
  for (const reply of [inRest, ...['tenant_id', 'tenantId', 'tenant'].map(inQuery)]) {
    const [foreign, absent] = [await reply(world.b.tenant.id), await reply(randomUUID())]
    if (same(foreign, absent)) continue
    faults.add(`${nameOf(route)}: naming another tenant answers ${bothReplies(foreign, absent)}`)
  }
  return [...faults]
}

// No reply may show a value that only the rows of B have.
// Replies that name other tenants, and why.
const namesTenants: Readonly<Record<string, string>> = {
  'GET /api/account/tenants': 'a person may see which tenants they are a member of',
}

async function leakFaults(world: World, route: Route): Promise<string[]> {
  if (route.method !== 'GET' || nameOf(route) in namesTenants) return []
  const [own, theirs] = [await valuesOf(world.a.tenant.id), await valuesOf(world.b.tenant.id)]
  const { text } = await ask(world, route, { path: pathIn(route, world.a) })
  const leaked = [...theirs].filter((it) => !own.has(it) && text.includes(it))
  return leaked.length === 0
    ? []
    : [`${nameOf(route)}: shows another tenant's ${leaked.slice(0, 5).join(', ')}`]
}

// The same user with the same roles, but with a token of another tenant.
async function tokenFaults(world: World, route: Route): Promise<string[]> {
  if (isAnonymous(route)) return []
  const { method } = route
  const { admin } = world.a
  const reply = await world.b.tenant.send({ method, path: pathToNothing(route), user: admin })
  return reply.status === 401
    ? []
    : [`${nameOf(route)}: accepts another tenant's token (${reply.status})`]
}

function ask(world: World, route: Route, request: Partial<TestRequest>): Promise<TestReply> {
  return sendTo(world, route, world.a, {
    method: route.method,
    path: pathIn(route, world.a),
    user: world.a.admin,
    body: bodyFor(world, route, world.a),
    ...request,
  })
}

function bothReplies(foreign: TestReply, absent: TestReply): string {
  return `${foreign.status} ${foreign.text.slice(0, 200)}, and an unknown id ${absent.status} ${absent.text.slice(0, 200)}`
}

function withTenant(body: unknown, tenant_id: string): unknown {
  if (typeof body !== 'object' || body === null) return body
  return body instanceof URLSearchParams
    ? new URLSearchParams({ tenant_id })
    : { ...body, tenant_id }
}

function textOf(body: object): string {
  return body instanceof URLSearchParams ? body.toString() : JSON.stringify(body)
}

function withText(body: object, from: string, to: string): unknown {
  const text = textOf(body).replaceAll(from, to)
  return body instanceof URLSearchParams ? new URLSearchParams(text) : JSON.parse(text)
}
