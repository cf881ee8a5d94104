import { randomUUID } from 'node:crypto'
import type { App } from '../../../app/define_app.ts'
import type { Route } from '../../../app/route.ts'
import { sampleOf } from '../../../lib/sample.ts'
import type { TestReply, TestRequest } from '../../http_client.ts'
import { startTestApp, type TestApp, type TestTenant, type TestUser } from '../../test_app.ts'
import { cookieOnly, sendByCookie } from './cookie_only.ts'
import { kernelBodies } from './kernel_bodies.ts'
import { collectionsIn, withIds } from './paths.ts'
import { acceptsNull, collectionOf, isCreator, type Relations, readRelations } from './relations.ts'

export interface SweepOptions {
  /**
   * Bodies for routes whose schema is not enough to generate one, by route: `POST /api/invoices`.
   */
  bodies?: Record<string, (populated: PopulatedTenant) => unknown>
  /**
   * A unique text for an input whose schema accepts none that the sweeps generate, by route and input:
   * `GET /api/invoices ?number=` -> `() => 'INV-' + digits`.
   */
  texts?: Readonly<Record<string, () => string>>
  /**
   * Accepted findings with their reasons, by check and fault: `isolation GET /api/found: ?project_id=`
   * -> why. One exception excuses one fault. One that is no longer needed is a fault.
   */
  exceptions?: Readonly<Record<string, string>>
  settings?: Record<string, string>
  /** Rows in every table for each of 200 tenants while plans are checked. The default is 500. */
  planRows?: number
}

/** A tenant with a user for each role, and with an item of every collection. */
export interface PopulatedTenant {
  tenant: TestTenant
  /** By system role, and `none` for a member without roles. */
  users: Record<string, TestUser>
  /** A user with all permissions. */
  admin: TestUser
  /** A user that nothing depends on, and that is not a member of the other tenant. */
  spare: TestUser
  /** The id of an item, by collection: `/api/projects` -> id. */
  ids: Map<string, string>
  /** The item that bodies refer to, by collection. No call of a sweep deletes it. */
  referable: Map<string, string>
}

/** One app with two tenants of identical names and e-mails: the subject of every sweep. */
export interface World {
  app: App
  api: TestApp
  routes: readonly Route[]
  relations: Relations
  a: PopulatedTenant
  b: PopulatedTenant
  options: SweepOptions
  /** What the sweeps could not judge, a line for each. */
  unjudged: Set<string>
  close(): Promise<void>
}

/** Starts the app and fills two tenants through its own routes. */
export async function createWorld(app: App, options: SweepOptions = {}): Promise<World> {
  const api = await startTestApp(app, { SIGNIN_LIMIT_ACCOUNT: '1000', ...options.settings })
  const { routes } = api.running
  // The same e-mails in both, so that the same users belong to two tenants.
  const suffix = randomUUID()
  const [a, b] = [await makeTwin(api, app, suffix), await makeTwin(api, app, suffix)]
  const relations = await readRelations(api)
  const unjudged = new Set<string>()
  const world: World = { app, api, routes, relations, a, b, options, unjudged, close: api.close }
  for (const populated of [a, b]) await fill(world, populated)
  return world
}

/** `GET /api/projects/:project_id` */
export function nameOf({ method, path }: Route): string {
  return `${method} ${path}`
}

/** The path of a route with this tenant's ids, and an unknown id where it has none. */
export function pathIn(route: Route, { ids }: PopulatedTenant): string {
  return withIds(route.path, (collection) => ids.get(collection) ?? randomUUID())
}

/** The path of a route with unknown ids. */
export function pathToNothing(route: Route): string {
  return withIds(route.path, () => randomUUID())
}

/** A body that a route accepts from this tenant. Undefined for a route without a body. */
export function bodyFor(world: World, route: Route, populated: PopulatedTenant): unknown {
  const given = world.options.bodies?.[nameOf(route)] ?? kernelBodies[nameOf(route)]
  if (given !== undefined) return given(populated)
  if (route.raw !== undefined) return new Blob(['{}'], { type: route.raw.types[0] ?? '' })
  if (route.body === undefined) return undefined
  const body = sampleOf(route.body, knownFields(world, route, populated))
  return route.media === 'form' ? new URLSearchParams(body as Record<string, string>) : body
}

/** Calls a route of a tenant as one of its users, with valid ids and a valid body. */
export function call(
  world: World,
  route: Route,
  populated: PopulatedTenant,
  user: TestUser | undefined,
): Promise<TestReply> {
  return sendTo(world, route, populated, {
    method: route.method,
    path: pathIn(route, populated),
    user,
    body: bodyFor(world, route, populated),
  })
}

/** Sends a request to the host of a route: that of the tenant, or APP_HOST, where no client is signed in. */
export async function sendTo(
  { api }: World,
  { access, path }: Route,
  { tenant }: PopulatedTenant,
  { user, ...request }: TestRequest & { user?: TestUser | undefined },
): Promise<TestReply> {
  if (access === 'base') return api.send(api.config.APP_HOST, request)
  return user !== undefined && path in cookieOnly
    ? sendByCookie(api, tenant, user, request)
    : tenant.send({ ...request, user })
}

/**
 * The tenant before a removal: with a new item to remove, which no row refers to, if a route can create
 * one. Before a change of the caller's own account: with another admin, which the later calls do not need.
 */
export async function readyFor(
  world: World,
  route: Route,
  populated: PopulatedTenant,
): Promise<PopulatedTenant> {
  if (changesCaller(route)) return withOwnAdmin(world, populated)
  const collection = collectionsIn(route.path).at(-1)
  if (!isRemoval(route) || collection === undefined) return populated
  const id = await createIn(world, populated, collection)
  return id === undefined ? populated : withId(populated, collection, id)
}

/** Does a route change the account, the membership or the roles of its caller? */
export function changesCaller({ method, path }: Route): boolean {
  return method !== 'GET' && /^\/api\/(account|ownership-transfers)(\/|$)/.test(path)
}

/** Does a route end the membership of its caller, in one tenant or in all? */
export function leavesTenant(route: Route): boolean {
  return /^DELETE \/api\/account(\/membership)?$/.test(nameOf(route))
}

async function withOwnAdmin({ app }: World, populated: PopulatedTenant): Promise<PopulatedTenant> {
  const user = { roles: [fullRoleOf(app)], password: `horse admin ${randomUUID()}` }
  return { ...populated, admin: await populated.tenant.makeUser(user) }
}

/** Does a route delete an item of a collection? */
export function isRemoval({ method, path }: Route): boolean {
  return method === 'DELETE' && /\/:\w+$/.test(path)
}

/** Creates an item of a collection. Returns undefined if no route creates one. */
export async function createIn(
  world: World,
  populated: PopulatedTenant,
  collection: string,
): Promise<string | undefined> {
  const { routes } = world.api.running
  const creator = routes.find((it) => isCreator(it) && collectionOf(it, routes) === collection)
  if (creator === undefined) return undefined
  const { json } = await call(world, creator, populated, populated.admin)
  return json?.id
}

/** The same tenant, with another item for a collection. */
export function withId(
  populated: PopulatedTenant,
  collection: string,
  id: string,
): PopulatedTenant {
  return { ...populated, ids: new Map(populated.ids).set(collection, id) }
}

/** Reads first and removals last. An item is removed before the ones that it refers to. */
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

async function makeTwin(api: TestApp, app: App, suffix: string): Promise<PopulatedTenant> {
  const tenant = await api.makeTenant({ name: 'Twin' })
  const twin = (name: string, roles: string[]) =>
    tenant.makeUser({
      roles,
      email: `${name}-${suffix.slice(0, 8)}@example.com`,
      // Unique, so that a sweep can find it where it must not be.
      password: `horse ${name} ${suffix}`,
    })
  const users: Record<string, TestUser> = { none: await twin('none', []) }
  for (const role of Object.keys(app.policy.roles)) users[role] = await twin(role, [role])
  // The newest two, so that lists start with them: one to be removed, and one that bodies refer to.
  await tenant.makeUser({ password: `horse referred ${randomUUID()}` })
  const spare = await tenant.makeUser({ password: `horse spare ${randomUUID()}` })
  const admin = users[fullRoleOf(app)]
  if (admin === undefined) throw new Error('the sweeps made no user for each role')
  // A second session: revoking the first one in the list must not revoke the one in use.
  const { email, password } = admin
  await tenant.send({ method: 'POST', path: '/api/auth/login', body: { email, password } })
  return { tenant, users, admin, spare, ids: new Map(), referable: new Map() }
}

function fullRoleOf({ policy }: App): string {
  const [name] = Object.entries(policy.roles).find(([, it]) => it.permissions.includes('*')) ?? []
  if (name !== undefined) return name
  throw new Error('the sweeps need a system role with all permissions: permissions: ["*"]')
}

// Only through the API: creates an item of each collection, parents first, then looks up the others in lists.
async function fill(world: World, populated: PopulatedTenant): Promise<void> {
  const { relations } = world
  const creators = world.routes.filter(isCreator)
  const rank = (route: Route) => relations.rankOf(collectionOf(route, world.routes))
  for (const route of creators.toSorted(
    (a, b) => rank(a) - rank(b) || a.path.length - b.path.length,
  )) {
    for (const parent of relations.fieldsOf(route).values()) await lookUp(populated, parent)
    await create(world, populated, route)
  }
  for (const collection of new Set(world.routes.flatMap((it) => collectionsIn(it.path)))) {
    await lookUp(populated, collection)
  }
}

async function create(world: World, populated: PopulatedTenant, route: Route): Promise<void> {
  const reply = await call(world, route, populated, populated.admin)
  if (reply.status !== 201) {
    const body = JSON.stringify(bodyFor(world, route, populated))
    throw new Error(
      `the sweeps could not create an item: ${nameOf(route)} with ${body} answers ${reply.status} ${reply.text}; ` +
        `give a body: sweep(app, { bodies: { '${nameOf(route)}': () => ({ … }) } })`,
    )
  }
  const collection = collectionOf(route, world.routes)
  populated.ids.set(collection, reply.json.id)
  populated.referable.set(collection, reply.json.id)
}

// For collections that no route fills: the first item may be removed, so bodies refer to the second.
async function lookUp(populated: PopulatedTenant, collection: string): Promise<void> {
  const { tenant, admin, ids, referable } = populated
  if (ids.has(collection)) return
  const path = withIds(collection, (parent) => ids.get(parent) ?? randomUUID())
  const reply = await tenant.send({ path, user: admin })
  const items: { id?: string | null }[] = reply.json?.items ?? []
  const [first, second = first] = items.flatMap(({ id }) => (typeof id === 'string' ? [id] : []))
  if (first === undefined || second === undefined) return
  ids.set(collection, first)
  referable.set(collection, second)
}

// A field refers to the collection of its foreign key or, without one, of its name: `project_id` to a project
// of this tenant, `project_ids` to several.
function knownFields(
  { relations }: World,
  route: Route,
  { referable }: PopulatedTenant,
): Record<string, unknown> {
  const byName = [...referable].flatMap(([collection, id]) => {
    const plural = collection.split('/').at(-1) ?? ''
    const name = `${singular(plural)}_id`
    return [[name, id] as const, [`${name}s`, [id]] as const]
  })
  const byKey = [...relations.fieldsOf(route)].flatMap(([field, collection]) => {
    const id = referable.get(collection) ?? (acceptsNull(route, field) ? null : undefined)
    return id === undefined ? [] : [[field, id] as const]
  })
  return Object.fromEntries([...byName, ...byKey])
}

function singular(plural: string): string {
  const word = plural.replaceAll('-', '_')
  if (word.endsWith('ies')) return `${word.slice(0, -3)}y`
  return word.endsWith('s') ? word.slice(0, -1) : word
}
