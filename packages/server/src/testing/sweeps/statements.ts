import type { Route } from '../../http/route.ts'
import { call, nameOf, type World } from './world.ts'

/** How many statements a successful call of each route costs: by route, in order. */
export async function countStatements(world: World): Promise<Map<string, number>> {
  const counts = new Map<string, number>()
  for (const route of inSafeOrder(world.routes)) {
    const statements = await world.api.statementsOf(async () => {
      await call(world, route, world.a, world.a.admin)
      await world.api.running.settle()
    })
    counts.set(nameOf(route), statements.length)
  }
  return counts
}

/** The counts as a committed table: growth shows as a change of it. */
export function statementTable(world: World, counts: Map<string, number>): string {
  return [
    '# What a request costs the database',
    '',
    'Statements of one successful call, counted by the tests: resolving the host, the session and the',
    'rights included; BEGIN, COMMIT and setting the tenant, which ride along, not.',
    '',
    '| route | statements |',
    '|---|---|',
    ...world.routes.map((route) => `| ${nameOf(route)} | ${counts.get(nameOf(route))} |`),
    '',
  ].join('\n')
}

/** Reads first and removals last, children before parents: each finds what it is about. */
export function inSafeOrder(routes: readonly Route[]): Route[] {
  const order = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']
  return routes.toSorted(
    (a, b) => order.indexOf(a.method) - order.indexOf(b.method) || b.path.length - a.path.length,
  )
}
