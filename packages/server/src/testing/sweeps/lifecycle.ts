import { flatCollection } from '../../app/flat_collection.ts'
import type { Route } from '../../app/route.ts'
import type { TestReply } from '../http_client.ts'
import { collectionsIn } from './world/paths.ts'
import { isCreator } from './world/relations.ts'
import { changedTables, fingerprintOf } from './world/rows.ts'
import {
  bodyFor,
  call,
  createIn,
  inSafeOrder,
  isRemoval,
  nameOf,
  type PopulatedTenant,
  pathIn,
  readyFor,
  sendTo,
  type World,
  withId,
} from './world/world.ts'

/**
 * Checks items from creation to deletion: Location leads to the created item, no route finds a deleted item,
 * a child is found only under its own parent, and a rejected create stores nothing. Returns the violations.
 */
export async function lifecycleFaults(world: World): Promise<string[]> {
  const faults: string[] = []
  for (const route of world.routes) {
    if (isCreator(route)) {
      faults.push(...(await rejectedCreate(world, route)), ...(await createdFaults(world, route)))
    }
    for (const parent of collectionsIn(route.path).slice(0, -1)) {
      faults.push(...(await wrongParent(world, route, parent)))
    }
  }
  for (const route of inSafeOrder(world).filter(isRemoval)) {
    faults.push(...(await useAfterDelete(world, route)))
  }
  return faults
}

async function rejectedCreate(world: World, route: Route): Promise<string[]> {
  const { a } = world
  const body = { ...Object(bodyFor(world, route, a)), 'no such field': 1 }
  // A job that an earlier call added would change rows meanwhile.
  await world.api.running.settle()
  const before = await fingerprintOf(a.tenant.id)
  const reply = await sendAs(world, route, a, body)
  const changed = changedTables(before, await fingerprintOf(a.tenant.id))
  return reply.status >= 400 && changed.length === 0
    ? []
    : [
        `${nameOf(route)}: a bad body answers ${reply.status} and changes ${changed.join(', ') || 'nothing'}`,
      ]
}

// The kernel makes Location of the path and the id in the reply, which the handler chooses.
async function createdFaults(world: World, route: Route): Promise<string[]> {
  const { a } = world
  const { status, headers } = await call(world, route, a, a.admin)
  const { location } = headers
  if (status !== 201 || location === undefined) return []
  const collection = flatCollection(route, world.routes)
  const isIn = location.startsWith(`${collection ?? pathIn(route, a)}/`)
  if (!isIn) return [`${nameOf(route)}: Location leads to ${location}; ${OWN_ID}`]
  if (!world.api.running.routes.some((it) => isReaderOf(collection ?? route.path, it))) {
    world.unjudged.add(`${nameOf(route)}: where Location leads; that needs a GET of the item`)
    return []
  }
  const read = await a.tenant.send({ path: location, user: a.admin })
  return read.status === 200
    ? []
    : [`${nameOf(route)}: Location leads to ${location}, which answers ${read.status}; ${OWN_ID}`]
}

function isReaderOf(collection: string, { method, path }: Route): boolean {
  return method === 'GET' && path.replace(/\/:\w+$/, '') === collection && path !== collection
}

const OWN_ID = 'reply with the id of the row that the handler created'

// AUTHZ-4. The other parent belongs to the same tenant, so that only the path is wrong.
async function wrongParent(world: World, route: Route, parent: string): Promise<string[]> {
  const other = await createIn(world, world.a, parent)
  if (other === undefined || !collectionsIn(route.path).every((it) => world.a.ids.has(it)))
    return []
  const reply = await call(world, route, withId(world.a, parent, other), world.a.admin)
  return reply.status === 404
    ? []
    : [`${nameOf(route)}: finds an item under another item of ${parent} (${reply.status})`]
}

async function useAfterDelete(world: World, route: Route): Promise<string[]> {
  const here = await readyFor(world, route, world.a)
  const removed = await sendAs(world, route, here, undefined)
  if (removed.status >= 300)
    return [`${nameOf(route)}: could not delete (${removed.status} ${removed.text})`]
  const faults: string[] = []
  for (const user of world.routes.filter((it) => `${it.path}/`.startsWith(`${route.path}/`))) {
    const { status } = await sendAs(world, user, here, bodyFor(world, user, here))
    if (status !== 404)
      faults.push(`${nameOf(user)}: answers ${status} for an item that ${nameOf(route)} deleted`)
  }
  return faults
}

function sendAs(
  world: World,
  route: Route,
  here: PopulatedTenant,
  body: unknown,
): Promise<TestReply> {
  const { method } = route
  const request = { method, path: pathIn(route, here), user: world.a.admin, body }
  return sendTo(world, route, here, request)
}
