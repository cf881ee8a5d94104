import { randomUUID } from 'node:crypto'
import type { App } from '../../app/define_app.ts'
import type { Route } from '../../app/route.ts'
import { sampleOf } from '../../lib/sample.ts'
import type { TestReply } from '../http_client.ts'
import { startTestApp, type TestApp, type TestTenant, type TestUser } from '../test_app.ts'
import { collectionsIn, withIds } from './paths.ts'
import { isCreator, type Relations, readRelations } from './relations.ts'

export interface SweepOptions {
  /**
   * Bodies for routes whose schema does not say enough to guess one, by `POST /api/invoices`.
   */
  bodies?: Record<string, (inhabited: Inhabited) => unknown>
  /**
   * What a sweep finds and is meant to be so, with the reason: `isolation GET /api/status` -> why.
   * One that is no longer needed is a fault.
   */
  exceptions?: Readonly<Record<string, string>>
  settings?: Record<string, string>
  /** How many rows each of 200 tenants has in every table while plans are looked at; 500 unless said. */
  planRows?: number
}

/** A tenant with somebody of each role and one of everything that can be made. */
export interface Inhabited {
  tenant: TestTenant
  /** By system role, and `none` for a member without roles. */
  users: Record<string, TestUser>
  /** Somebody who may do everything. */
  admin: TestUser
  /** Somebody nothing else depends on, and whom the other tenant has never heard of. */
  spare: TestUser
  /** What exists here, by collection: `/api/projects` -> id. */
  ids: Map<string, string>
  /** What a body refers to, by collection. Where no route creates one, no removal takes it. */
  referable: Map<string, string>
}

/** Two tenants with identical names and e-mails on one app: what every sweep looks at. */
export interface World {
  app: App
  api: TestApp
  routes: readonly Route[]
  relations: Relations
  a: Inhabited
  b: Inhabited
  options: SweepOptions
  close(): Promise<void>
}

/** Starts the app and fills two tenants through its own routes. */
export async function createWorld(app: App, options: SweepOptions = {}): Promise<World> {
  const api = await startTestApp(app, { SIGNIN_LIMIT_ACCOUNT: '1000', ...options.settings })
  const { routes } = api.running
  // The same e-mails in both: the same people, in two tenants.
  const suffix = randomUUID()
  const [a, b] = [await settle(api, app, suffix), await settle(api, app, suffix)]
  const relations = await readRelations(api)
  const world: World = { app, api, routes, relations, a, b, options, close: api.close }
  for (const inhabited of [a, b]) await fill(world, inhabited)
  return world
}

/** `GET /api/projects/:project_id` */
export function nameOf({ method, path }: Route): string {
  return `${method} ${path}`
}

/** The path of a route with ids in it: this tenant's where it has one, else one that never was. */
export function pathIn(route: Route, { ids }: Inhabited): string {
  return withIds(route.path, (collection) => ids.get(collection) ?? randomUUID())
}

/** The path of a route with an id of nothing in each place. */
export function pathToNothing(route: Route): string {
  return withIds(route.path, () => randomUUID())
}

/** A body that a route accepts from this tenant; undefined for a route that takes none. */
export function bodyFor(world: World, route: Route, inhabited: Inhabited): unknown {
  const given = world.options.bodies?.[nameOf(route)] ?? kernelBodies[nameOf(route)]
  if (given !== undefined) return given(inhabited)
  if (route.body === undefined) return undefined
  const body = sampleOf(route.body, knownFields(world, route, inhabited))
  return route.media === 'form' ? new URLSearchParams(body as Record<string, string>) : body
}

// Credentials are nothing that a schema can tell.
const kernelBodies: Record<string, (inhabited: Inhabited) => unknown> = {
  'POST /api/auth/token': ({ admin: { email, password } }) =>
    new URLSearchParams({ username: email, password }),
  'POST /api/auth/login': ({ admin: { email, password } }) => ({ email, password }),
  'POST /api/auth/refresh': ({ spare }) => ({ refresh_token: spare.refreshToken }),
  'POST /api/auth/logout': ({ spare }) => ({ refresh_token: spare.refreshToken }),
  'POST /api/auth/forgot-password': ({ admin: { email } }) => ({ email }),
}

/** Calls a route in a tenant as one of its users, with ids and body of that tenant. */
export function call(
  world: World,
  route: Route,
  inhabited: Inhabited,
  user: TestUser | undefined,
): Promise<TestReply> {
  return inhabited.tenant.send({
    method: route.method,
    path: pathIn(route, inhabited),
    user,
    body: bodyFor(world, route, inhabited),
  })
}

/**
 * The tenant as a removal should find it: with one more of what it removes, which nothing refers to
 * yet, where a route creates one.
 */
export async function readyFor(
  world: World,
  route: Route,
  inhabited: Inhabited,
): Promise<Inhabited> {
  const collection = collectionsIn(route.path).at(-1)
  if (!isRemoval(route) || collection === undefined) return inhabited
  const id = await createIn(world, inhabited, collection)
  return id === undefined ? inhabited : withId(inhabited, collection, id)
}

/** Does a route delete a member of a collection? */
export function isRemoval({ method, path }: Route): boolean {
  return method === 'DELETE' && /\/:\w+$/.test(path)
}

/** Creates one more of a collection; undefined where no route does. */
export async function createIn(
  world: World,
  inhabited: Inhabited,
  collection: string,
): Promise<string | undefined> {
  const { routes } = world.api.running
  const creator = routes.find((it) => it.path === collection && isCreator(it))
  if (creator === undefined) return undefined
  const { json } = await call(world, creator, inhabited, inhabited.admin)
  return json?.id
}

/** The same tenant, where another member stands for a collection. */
export function withId(inhabited: Inhabited, collection: string, id: string): Inhabited {
  return { ...inhabited, ids: new Map(inhabited.ids).set(collection, id) }
}

/** Reads first and removals last; what refers to something is removed before it. */
export function inSafeOrder({ routes, relations }: World): Route[] {
  const order = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']
  const rank = (route: Route) =>
    route.method === 'DELETE' ? relations.rankOf(collectionsIn(route.path).at(-1) ?? '') : 0
  return routes.toSorted(
    (a, b) =>
      order.indexOf(a.method) - order.indexOf(b.method) ||
      rank(b) - rank(a) ||
      b.path.length - a.path.length,
  )
}

async function settle(api: TestApp, app: App, suffix: string): Promise<Inhabited> {
  const tenant = await api.makeTenant({ name: 'Twin' })
  const twin = (name: string, roles: string[]) =>
    tenant.makeUser({
      roles,
      email: `${name}-${suffix.slice(0, 8)}@example.com`,
      // Found wherever it should not be: nobody else has it.
      password: `horse ${name} ${suffix}`,
    })
  const users: Record<string, TestUser> = { none: await twin('none', []) }
  for (const role of Object.keys(app.policy.roles)) users[role] = await twin(role, [role])
  // The newest two, so that lists begin with them: one to be removed, and one that bodies refer to.
  await tenant.makeUser({ password: `horse referred ${randomUUID()}` })
  const spare = await tenant.makeUser({ password: `horse spare ${randomUUID()}` })
  const all = Object.entries(app.policy.roles).find(([, it]) => it.permissions.includes('*'))
  const admin = all === undefined ? undefined : users[all[0]]
  if (admin === undefined) {
    throw new Error('the sweeps need a system role that may do everything: permissions: ["*"]')
  }
  // A second session: ending the one that is listed first must not end the one that is used.
  const { email, password } = admin
  await tenant.send({ method: 'POST', path: '/api/auth/login', body: { email, password } })
  return { tenant, users, admin, spare, ids: new Map(), referable: new Map() }
}

// Through the API alone: create what can be created, parents first, then look at what the lists show.
async function fill(world: World, inhabited: Inhabited): Promise<void> {
  const { relations } = world
  const creators = world.routes.filter(isCreator)
  const rank = ({ path }: Route) => relations.rankOf(path)
  for (const route of creators.toSorted(
    (a, b) => rank(a) - rank(b) || a.path.length - b.path.length,
  )) {
    for (const parent of relations.fieldsOf(route).values()) await lookUp(inhabited, parent)
    await create(world, inhabited, route)
  }
  for (const collection of new Set(world.routes.flatMap((it) => collectionsIn(it.path)))) {
    await lookUp(inhabited, collection)
  }
}

async function create(world: World, inhabited: Inhabited, route: Route): Promise<void> {
  const reply = await call(world, route, inhabited, inhabited.admin)
  if (reply.status !== 201) {
    const body = JSON.stringify(bodyFor(world, route, inhabited))
    throw new Error(
      `the sweeps could not create by ${nameOf(route)} with ${body} (${reply.status} ${reply.text}); ` +
        `give a body: sweep(app, { bodies: { '${nameOf(route)}': () => ({ … }) } })`,
    )
  }
  inhabited.ids.set(route.path, reply.json.id)
  inhabited.referable.set(route.path, reply.json.id)
}

// Of what no route creates: the first is there to be removed, so that bodies refer to the second.
async function lookUp(inhabited: Inhabited, collection: string): Promise<void> {
  const { tenant, admin, ids, referable } = inhabited
  if (ids.has(collection)) return
  const path = withIds(collection, (parent) => ids.get(parent) ?? randomUUID())
  const reply = await tenant.send({ path, user: admin })
  const items: { id?: string | null }[] = reply.json?.items ?? []
  const [first, second = first] = items.flatMap(({ id }) => (typeof id === 'string' ? [id] : []))
  if (first === undefined || second === undefined) return
  ids.set(collection, first)
  referable.set(collection, second)
}

// A field refers to what its foreign key says, or else to what its name does: `project_id` to a project
// of this tenant, `project_ids` to several.
function knownFields(
  { relations }: World,
  route: Route,
  { referable }: Inhabited,
): Record<string, unknown> {
  const byName = [...referable].flatMap(([collection, id]) => {
    const plural = collection.split('/').at(-1) ?? ''
    const name = `${singular(plural)}_id`
    return [[name, id] as const, [`${name}s`, [id]] as const]
  })
  const byKey = [...relations.fieldsOf(route)].flatMap(([field, collection]) => {
    const id = referable.get(collection)
    return id === undefined ? [] : [[field, id] as const]
  })
  return Object.fromEntries([...byName, ...byKey])
}

function singular(plural: string): string {
  const word = plural.replaceAll('-', '_')
  if (word.endsWith('ies')) return `${word.slice(0, -3)}y`
  return word.endsWith('s') ? word.slice(0, -1) : word
}
