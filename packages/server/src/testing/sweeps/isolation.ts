import { randomUUID } from 'node:crypto'
import type { Route } from '../../http/route.ts'
import type { TestReply, TestRequest } from '../http_client.ts'
import { hashOf, idsOf } from './rows.ts'
import { bodyFor, collectionsIn, nameOf, pathIn, pathToNothing, type World } from './world.ts'

/**
 * Attacks every route of tenant A with what belongs to tenant B: its tokens, and its ids in path,
 * body, query and headers. B's things must be as absent as what never was, byte for byte, and B's
 * rows unchanged. Gives what did not hold.
 */
export async function isolationFaults(world: World): Promise<string[]> {
  await world.api.running.settle()
  const before = await hashOf(world.b.tenant.id)
  const faults: string[] = []
  for (const route of world.routes) {
    faults.push(...(await pathFaults(world, route)))
    faults.push(...(await bodyFaults(world, route)))
    faults.push(...(await namedTenantFaults(world, route)))
    faults.push(...(await leakFaults(world, route)))
  }
  if ((await hashOf(world.b.tenant.id)) !== before) {
    faults.push('the rows of the other tenant changed while it was attacked')
  }
  for (const route of world.routes) faults.push(...(await tokenFaults(world, route)))
  return faults
}

// Each id in a path in turn: the others stay this tenant's own, so that a parent cannot hide a child.
async function pathFaults(world: World, route: Route): Promise<string[]> {
  const faults: string[] = []
  for (const collection of collectionsIn(route.path)) {
    const theirs = world.b.ids.get(collection)
    if (theirs === undefined) {
      faults.push(`${nameOf(route)}: nothing exists in ${collection}; add a route or a body for it`)
      continue
    }
    const reply = (id: string) => {
      const ids = new Map(world.a.ids).set(collection, id)
      return ask(world, route, { path: pathIn(route, { ...world.a, ids }) })
    }
    const [foreign, absent] = [await reply(theirs), await reply(randomUUID())]
    if (!alike(foreign, absent) || foreign.status < 400) {
      faults.push(
        `${nameOf(route)}: ${collection} of another tenant answers ${told(foreign, absent)}`,
      )
    }
  }
  return faults
}

async function bodyFaults(world: World, route: Route): Promise<string[]> {
  const body = bodyFor(world, route, world.a)
  if (typeof body !== 'object' || body === null || body instanceof URLSearchParams) return []
  const own = new Map([...world.a.ids].map(([collection, id]) => [id, collection]))
  const faults: string[] = []
  for (const [field, value] of Object.entries(body)) {
    const theirs = world.b.ids.get(own.get(String(value)) ?? '')
    if (theirs === undefined) continue
    const reply = (id: string) => ask(world, route, { body: { ...body, [field]: id } })
    const [foreign, absent] = [await reply(theirs), await reply(randomUUID())]
    if (!alike(foreign, absent) || foreign.status < 400) {
      faults.push(
        `${nameOf(route)}: body field ${field} of another tenant answers ${told(foreign, absent)}`,
      )
    }
  }
  return faults
}

// Naming the other tenant anywhere is refused or ignored: the answer is the same as for a tenant
// that never was.
async function namedTenantFaults(world: World, route: Route): Promise<string[]> {
  const path = pathToNothing(route)
  const reply = (id: string) => {
    const query = new URLSearchParams({ tenant_id: id, tenantId: id, tenant: id })
    const headers = { 'x-tenant-id': id, 'x-tenant': id }
    const body = route.media === 'json' && route.body !== undefined ? { tenant_id: id } : undefined
    return ask(world, route, { path: `${path}?${query}`, headers, body })
  }
  const [foreign, absent] = [await reply(world.b.tenant.id), await reply(randomUUID())]
  return alike(foreign, absent)
    ? []
    : [`${nameOf(route)}: naming another tenant answers ${told(foreign, absent)}`]
}

// Whatever a read shows, none of it may be an id that only the other tenant has.
async function leakFaults(world: World, route: Route): Promise<string[]> {
  if (route.method !== 'GET') return []
  const [ours, theirs] = [await idsOf(world.a.tenant.id), await idsOf(world.b.tenant.id)]
  const { text } = await ask(world, route, { path: pathIn(route, world.a) })
  const leaked = [...theirs].filter((id) => !ours.has(id) && text.includes(id))
  return leaked.length === 0
    ? []
    : [`${nameOf(route)}: shows another tenant's ${leaked.join(', ')}`]
}

// The same person, the same roles, another tenant's token: worth nothing here.
async function tokenFaults(world: World, route: Route): Promise<string[]> {
  if (route.access === 'public') return []
  const { method } = route
  const { admin } = world.a
  const reply = await world.b.tenant.send({ method, path: pathToNothing(route), user: admin })
  return reply.status === 401
    ? []
    : [`${nameOf(route)}: takes another tenant's token (${reply.status})`]
}

function ask(world: World, route: Route, request: Partial<TestRequest>): Promise<TestReply> {
  const { tenant, admin } = world.a
  return tenant.send({
    method: route.method,
    path: pathIn(route, world.a),
    user: admin,
    body: bodyFor(world, route, world.a),
    ...request,
  })
}

function alike(one: TestReply, other: TestReply): boolean {
  return comparable(one) === comparable(other)
}

// What names this one request: its id and the time.
function comparable({ status, headers, text, json }: TestReply): string {
  const { date: _date, 'x-request-id': id = '', ...constant } = headers
  const body =
    typeof json === 'object' && json !== null && 'instance' in json ? text.replaceAll(id, '') : text
  return JSON.stringify([status, constant, body])
}

function told(foreign: TestReply, absent: TestReply): string {
  return `${foreign.status} ${foreign.text.slice(0, 200)}, and what never was ${absent.status} ${absent.text.slice(0, 200)}`
}
