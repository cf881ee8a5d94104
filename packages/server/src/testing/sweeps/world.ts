import { randomUUID } from 'node:crypto'
import type { App } from '../../app/define_app.ts'
import type { Route } from '../../app/route.ts'
import { sampleOf } from '../../lib/sample.ts'
import type { TestReply } from '../http_client.ts'
import { startTestApp, type TestApp, type TestTenant, type TestUser } from '../test_app.ts'

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
}

/** Two tenants with identical names and e-mails on one app: what every sweep looks at. */
export interface World {
  app: App
  api: TestApp
  routes: readonly Route[]
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
  const world: World = { app, api, routes, a, b, options, close: api.close }
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
  const body = sampleOf(route.body, knownFields(inhabited))
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

/** The collections whose members a path names: `/api/projects` for `/api/projects/:project_id`. */
export function collectionsIn(path: string): string[] {
  const parts = path.split('/')
  return parts.flatMap((part, at) => (part.startsWith(':') ? [parts.slice(0, at).join('/')] : []))
}

function withIds(path: string, idOf: (collection: string) => string): string {
  const parts = path.split('/')
  return parts
    .map((part, at) => (part.startsWith(':') ? idOf(parts.slice(0, at).join('/')) : part))
    .join('/')
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
  // The newest, so that lists begin with them.
  const spare = await tenant.makeUser({ password: `horse spare ${randomUUID()}` })
  const all = Object.entries(app.policy.roles).find(([, it]) => it.permissions.includes('*'))
  const admin = all === undefined ? undefined : users[all[0]]
  if (admin === undefined) {
    throw new Error('the sweeps need a system role that may do everything: permissions: ["*"]')
  }
  // A second session: ending the one that is listed first must not end the one that is used.
  const { email, password } = admin
  await tenant.send({ method: 'POST', path: '/api/auth/login', body: { email, password } })
  return { tenant, users, admin, spare, ids: new Map() }
}

// Through the API alone: create what can be created, then look at what the lists show.
async function fill(world: World, inhabited: Inhabited): Promise<void> {
  const creators = world.routes.filter((it) => it.method === 'POST' && it.status === 201)
  for (const route of creators.toSorted((a, b) => a.path.length - b.path.length)) {
    const reply = await call(world, route, inhabited, inhabited.admin)
    if (reply.status !== 201) {
      const body = JSON.stringify(bodyFor(world, route, inhabited))
      throw new Error(
        `the sweeps could not create by ${nameOf(route)} with ${body} (${reply.status} ${reply.text}); ` +
          `give a body: sweep(app, { bodies: { '${nameOf(route)}': () => ({ … }) } })`,
      )
    }
    inhabited.ids.set(route.path, reply.json.id)
  }
  for (const collection of new Set(world.routes.flatMap((it) => collectionsIn(it.path)))) {
    if (inhabited.ids.has(collection)) continue
    const id = await firstListed(inhabited, collection)
    if (id !== undefined) inhabited.ids.set(collection, id)
  }
}

async function firstListed(inhabited: Inhabited, collection: string): Promise<string | undefined> {
  const { tenant, admin, ids } = inhabited
  const path = withIds(collection, (parent) => ids.get(parent) ?? randomUUID())
  const reply = await tenant.send({ path, user: admin })
  const items: { id?: string | null }[] = reply.json?.items ?? []
  return items.find((it) => typeof it.id === 'string')?.id ?? undefined
}

// A field `project_id` names a project: the one that exists in this tenant. `project_ids` are several.
function knownFields({ ids }: Inhabited): Record<string, unknown> {
  const fields = [...ids].map(([collection, id]) => {
    const plural = collection.split('/').at(-1) ?? ''
    const name = `${singular(plural)}_id`
    return [[name, id] as const, [`${name}s`, [id]] as const]
  })
  return Object.fromEntries(fields.flat())
}

function singular(plural: string): string {
  const word = plural.replaceAll('-', '_')
  if (word.endsWith('ies')) return `${word.slice(0, -3)}y`
  return word.endsWith('s') ? word.slice(0, -1) : word
}
