import { randomUUID } from 'node:crypto'
import type { Route } from '../../app/route.ts'
import type { TestReply } from '../http_client.ts'
import { changedTables, fingerprintOf } from './rows.ts'
import {
  bodyFor,
  call,
  collectionsIn,
  type Inhabited,
  nameOf,
  pathIn,
  type World,
} from './world.ts'

/**
 * Follows things through their life: what was deleted is gone for every route, a child is found under
 * its own parent only, and a create that was refused has left nothing. Gives what did not hold.
 */
export async function lifecycleFaults(world: World): Promise<string[]> {
  const faults: string[] = []
  for (const route of world.routes) {
    if (route.method === 'POST' && route.status === 201)
      faults.push(...(await refusedCreate(world, route)))
    for (const parent of collectionsIn(route.path).slice(0, -1)) {
      faults.push(...(await wrongParent(world, route, parent)))
    }
  }
  for (const route of world.routes.filter(isRemoval).toSorted(deepestFirst)) {
    faults.push(...(await useAfterDelete(world, route)))
  }
  return faults
}

function isRemoval({ method, path }: Route): boolean {
  return method === 'DELETE' && /\/:\w+$/.test(path)
}

function deepestFirst(one: Route, other: Route): number {
  return other.path.length - one.path.length
}

async function refusedCreate(world: World, route: Route): Promise<string[]> {
  const { a } = world
  const body = { ...Object(bodyFor(world, route, a)), 'no such field': 1 }
  const before = await fingerprintOf(a.tenant.id)
  const reply = await sendAs(world, route, a, body)
  const changed = changedTables(before, await fingerprintOf(a.tenant.id))
  return reply.status >= 400 && changed.length === 0
    ? []
    : [
        `${nameOf(route)}: a bad body answers ${reply.status} and changes ${changed.join(', ') || 'nothing'}`,
      ]
}

// A second parent of this tenant's own, so that only the path is wrong.
async function wrongParent(world: World, route: Route, parent: string): Promise<string[]> {
  const other = await createIn(world, parent)
  if (other === undefined || !collectionsIn(route.path).every((it) => world.a.ids.has(it)))
    return []
  const under = (id: string) => ({ ...world.a, ids: new Map(world.a.ids).set(parent, id) })
  const reply = await call(world, route, under(other), world.a.admin)
  return reply.status === 404
    ? []
    : [`${nameOf(route)}: finds a thing under another one of ${parent} (${reply.status})`]
}

async function useAfterDelete(world: World, route: Route): Promise<string[]> {
  const collection = collectionsIn(route.path).at(-1) ?? ''
  const id = (await createIn(world, collection)) ?? world.a.ids.get(collection) ?? randomUUID()
  const here = { ...world.a, ids: new Map(world.a.ids).set(collection, id) }
  const removed = await sendAs(world, route, here, undefined)
  if (removed.status >= 300)
    return [`${nameOf(route)}: could not delete (${removed.status} ${removed.text})`]
  const faults: string[] = []
  for (const user of world.routes.filter((it) => `${it.path}/`.startsWith(`${route.path}/`))) {
    const { status } = await sendAs(world, user, here, bodyFor(world, user, here))
    if (status !== 404)
      faults.push(`${nameOf(user)}: answers ${status} for what ${nameOf(route)} deleted`)
  }
  return faults
}

/** Creates one more of a collection; undefined where no route does. */
async function createIn({ api, ...world }: World, collection: string): Promise<string | undefined> {
  const { routes } = api.running
  const creator = routes.find(
    (it) => it.path === collection && it.method === 'POST' && it.status === 201,
  )
  if (creator === undefined) return undefined
  const { json } = await call({ ...world, api }, creator, world.a, world.a.admin)
  return json?.id
}

function sendAs(world: World, route: Route, here: Inhabited, body: unknown): Promise<TestReply> {
  const { method } = route
  return here.tenant.send({ method, path: pathIn(route, here), user: world.a.admin, body })
}
