import type { Route } from '../../app/route.ts'
import type { TestUser } from '../test_app.ts'
import { nameOf, pathToNothing, type World } from './world.ts'

/** Who was let in where: by route, then by caller. */
export type AccessMatrix = Map<string, Map<string, boolean>>

/** Calls every route without credentials and as each role, with ids of nothing, and sees who gets in. */
export async function observeAccess(world: World): Promise<AccessMatrix> {
  const matrix: AccessMatrix = new Map()
  for (const route of world.routes) {
    const row = new Map<string, boolean>()
    for (const [caller, user] of callersOf(world)) {
      row.set(caller, await getsIn(world, route, user))
    }
    matrix.set(nameOf(route), row)
  }
  return matrix
}

/** Where somebody got in whom the policy keeps out, or the other way round. */
export function accessFaults(world: World, matrix: AccessMatrix, routes = world.routes): string[] {
  return routes.flatMap((route) =>
    [...(matrix.get(nameOf(route)) ?? [])].flatMap(([caller, got]) => {
      const should = mayEnter(world, route, caller)
      if (got === should) return []
      return `${nameOf(route)}: ${caller} ${got ? 'got in and should not' : 'was kept out and should not be'}`
    }),
  )
}

/** The matrix as a table that anybody can read. */
export function accessTable(world: World, matrix: AccessMatrix): string {
  const callers = callersOf(world).map(([caller]) => caller)
  const rows = world.routes.map((route) => {
    const row = matrix.get(nameOf(route))
    const cells = callers.map((caller) => (row?.get(caller) ? 'yes' : '—'))
    return `| ${nameOf(route)} | ${route.access} | ${cells.join(' | ')} |`
  })
  return [
    '# Who may call what',
    '',
    'Written by the tests from what the running app answered; a change of rights shows here.',
    '`nobody` is not signed in; `member` is a member without roles.',
    '',
    `| route | access | ${callers.join(' | ')} |`,
    `|---|---|${callers.map(() => '---|').join('')}`,
    ...rows,
    '',
  ].join('\n')
}

function callersOf({ a }: World): [string, TestUser | undefined][] {
  const { none, ...roles } = a.users
  return [['nobody', undefined], ['member', none], ...Object.entries(roles)]
}

async function getsIn(world: World, route: Route, user: TestUser | undefined): Promise<boolean> {
  const { method } = route
  const { status } = await world.a.tenant.send({ method, path: pathToNothing(route), user })
  return status !== 401 && status !== 403
}

function mayEnter({ app }: World, { access }: Route, caller: string): boolean {
  if (access === 'public') return true
  if (caller === 'nobody') return false
  if (access === 'member') return true
  if (access.startsWith('role:')) return access === `role:${caller}`
  const grants = app.policy.roles[caller]?.permissions ?? []
  return app.policy.expand(grants).has(access)
}
