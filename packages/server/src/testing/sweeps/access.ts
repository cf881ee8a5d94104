import type { Route } from '../../app/route.ts'
import type { TestUser } from '../test_app.ts'
import { nameOf, pathToNothing, type World } from './world/world.ts'

/** Whether a caller was permitted, by route and caller. */
export type AccessMatrix = Map<string, Map<string, boolean>>

/** Calls every route without credentials and as each role, with unknown ids. */
export async function probeAccess(world: World): Promise<AccessMatrix> {
  const matrix: AccessMatrix = new Map()
  for (const route of world.routes) {
    const row = new Map<string, boolean>()
    for (const [caller, user] of callersOf(world)) {
      row.set(caller, await isPermitted(world, route, user))
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

async function isPermitted(
  world: World,
  route: Route,
  user: TestUser | undefined,
): Promise<boolean> {
  const { method } = route
  const { status } = await world.a.tenant.send({ method, path: pathToNothing(route), user })
  return status !== 401 && status !== 403
}

function shouldBePermitted({ app }: World, { access }: Route, caller: string): boolean {
  if (access === 'public') return true
  if (caller === 'anonymous') return false
  if (access === 'member') return true
  if (access.startsWith('role:')) return access === `role:${caller}`
  const grants = app.policy.roles[caller]?.permissions ?? []
  return app.policy.expand(grants).has(access)
}
