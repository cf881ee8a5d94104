import { isAnonymous, type Route } from '../../app/route.ts'
import type { TestUser } from '../test_app.ts'
import { changesCaller, nameOf, pathToNothing, sendTo, type World } from './world/world.ts'

/** Whether a caller was permitted, by route and caller. */
export type AccessMatrix = Map<string, Map<string, boolean>>

/** Calls every route without credentials and as each role, with unknown ids. */
export async function probeAccess(world: World): Promise<AccessMatrix> {
  const matrix: AccessMatrix = new Map()
  for (const route of world.routes) {
    const row = new Map<string, boolean>()
    for (const [caller, user] of callersOf(world)) {
      row.set(caller, await isPermitted(world, route, await callerOf(world, route, caller, user)))
    }
    matrix.set(nameOf(route), row)
  }
  return matrix
}

/** The callers that were permitted or rejected against the policy. */
export function accessFaults(world: World, matrix: AccessMatrix, routes = world.routes): string[] {
  return routes.flatMap((route) =>
    [...(matrix.get(nameOf(route)) ?? [])].flatMap(([caller, permitted]) => {
      const should = shouldBePermitted(world, route, caller)
      if (permitted === should) return []
      return `${nameOf(route)}: ${caller} ${permitted ? 'is permitted but must not be' : 'is rejected but must be permitted'}`
    }),
  )
}

/** The routes that are found at a host of the other kind: at that of a tenant, or at APP_HOST. */
export async function hostFaults({ api, a, routes }: World): Promise<string[]> {
  const faults: string[] = []
  for (const route of routes) {
    const [other, where] =
      route.access === 'base' ? [a.tenant.host, 'of a tenant'] : [api.config.APP_HOST, 'APP_HOST']
    const request = { method: route.method, path: pathToNothing(route) }
    const { status } = await api.send(other, request)
    if (status !== 404)
      faults.push(`${nameOf(route)}: answers ${status} at the host ${where}, not 404`)
  }
  return faults
}

/** The matrix as a Markdown table. */
export function accessTable(world: World, matrix: AccessMatrix): string {
  const callers = callersOf(world).map(([caller]) => caller)
  const rows = world.routes.map((route) => {
    const row = matrix.get(nameOf(route))
    const cells = callers.map((caller) => (row?.get(caller) ? 'yes' : '—'))
    return `| ${nameOf(route)} | ${route.access} | ${cells.join(' | ')} |`
  })
  return [
    '# Which caller may use which route',
    '',
    'Written by the tests from the replies of the running app. A change of permissions changes this table.',
    '`anonymous` is not signed in; `member` is a member without roles.',
    '',
    `| route | access | ${callers.join(' | ')} |`,
    `|---|---|${callers.map(() => '---|').join('')}`,
    ...rows,
    '',
  ].join('\n')
}

function callersOf({ a }: World): [string, TestUser | undefined][] {
  const { none, ...roles } = a.users
  return [['anonymous', undefined], ['member', none], ...Object.entries(roles)]
}

// A route may end the membership of its caller, which the next routes need.
function callerOf(world: World, route: Route, name: string, user: TestUser | undefined) {
  if (user === undefined || !changesCaller(route)) return user
  return world.a.tenant.makeUser({ roles: name === 'member' ? [] : [name] })
}

async function isPermitted(
  world: World,
  route: Route,
  user: TestUser | undefined,
): Promise<boolean> {
  const { method } = route
  const { status } = await sendTo(world, route, world.a, {
    method,
    path: pathToNothing(route),
    user,
  })
  return status !== 401 && status !== 403
}

function shouldBePermitted({ app }: World, route: Route, caller: string): boolean {
  const { access } = route
  if (isAnonymous(route)) return true
  if (caller === 'anonymous') return false
  if (access === 'member') return true
  if (access.startsWith('role:')) return access === `role:${caller}`
  const grants = app.policy.roles[caller]?.permissions ?? []
  return app.policy.expand(grants).has(access)
}
