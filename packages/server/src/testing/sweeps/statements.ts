import { signInFor } from './world/cookie_only.ts'
import { call, inSafeOrder, nameOf, readyFor, type World } from './world/world.ts'

/** The number of statements that a successful call of each route sends. */
export async function countStatements(world: World): Promise<Map<string, number>> {
  const counts = new Map<string, number>()
  for (const route of inSafeOrder(world)) {
    const here = await readyFor(world, route, world.a)
    await signInFor(world, route, here)
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

/** The look-ups so far. On a busy machine a cache entry may be stale: they are not the route's statements. */
export function lookUps({ api }: World): number {
  const { tenants, sessions } = api.running.caches
  return tenants.counts.misses + sessions.counts.misses
}

// Waits until a request is answered from the caches: only warm requests are counted.
async function warmUp({ api, a }: World): Promise<void> {
  const { hits } = api.running.caches.sessions.counts
  const deadline = Date.now() + 10_000
  while (api.running.caches.sessions.counts.hits === hits && Date.now() < deadline) {
    await a.tenant.send({ path: '/api/auth/me', user: a.admin })
  }
}

/** The counts as a committed table, so that a review sees when they grow. */
export function statementTable(world: World, counts: Map<string, number>): string {
  return [
    '# What a request costs the database',
    '',
    'Statements of one successful call, counted by the tests while host, session and permissions are',
    'cached. BEGIN, COMMIT and setting the tenant are sent along with them and not counted.',
    '',
    '| route | statements |',
    '|---|---|',
    ...world.routes.map((route) => `| ${nameOf(route)} | ${counts.get(nameOf(route))} |`),
    '',
  ].join('\n')
}
