import { call, inSafeOrder, nameOf, readyFor, type World } from './world.ts'

/** How many statements a successful call of each route costs: by route, in order. */
export async function countStatements(world: World): Promise<Map<string, number>> {
  const counts = new Map<string, number>()
  for (const route of inSafeOrder(world)) {
    const here = await readyFor(world, route, world.a)
    await warmUp(world)
    const before = lookUps(world)
    const statements = await world.api.statementsOf(async () => {
      await call(world, route, here, here.admin)
      await world.api.running.settle()
    })
    counts.set(nameOf(route), statements.length - (lookUps(world) - before))
  }
  return counts
}

// A busy machine may have been too late for its memory: what that cost is not the route's.
function lookUps({ api }: World): number {
  const { tenants, sessions } = api.running.caches
  return tenants.counts.misses + sessions.counts.misses
}

// What a request costs that is not the first of its session, on a server that has been up for a moment.
async function warmUp({ api, a }: World): Promise<void> {
  const { hits } = api.running.caches.sessions.counts
  const deadline = Date.now() + 10_000
  while (api.running.caches.sessions.counts.hits === hits && Date.now() < deadline) {
    await a.tenant.send({ path: '/api/auth/me', user: a.admin })
  }
}

/** The counts as a committed table: growth shows as a change of it. */
export function statementTable(world: World, counts: Map<string, number>): string {
  return [
    '# What a request costs the database',
    '',
    'Statements of one successful call of somebody who was here before, counted by the tests: host,',
    'session and rights are in memory. BEGIN, COMMIT and setting the tenant, which ride along, do not',
    'count.',
    '',
    '| route | statements |',
    '|---|---|',
    ...world.routes.map((route) => `| ${nameOf(route)} | ${counts.get(nameOf(route))} |`),
    '',
  ].join('\n')
}
