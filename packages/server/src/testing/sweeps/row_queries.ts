import type { App } from '../../app/define_app.ts'
import type { Route } from '../../app/route.ts'
import type { SentStatement } from '../record_statements.ts'
import { lookUps } from './statements.ts'
import { inGrowingWorld } from './world/filled_database.ts'
import { call, nameOf, type SweepOptions, type World } from './world/world.ts'

const ROWS = 20

/**
 * Counts the statements of each read with a few rows in each table, and with 20 more. A route that then
 * sends more queries each row by itself. Returns those routes.
 */
export async function rowQueryFaults(
  app: App,
  options: SweepOptions = {},
  onUnjudged: (lines: Iterable<string>) => void = () => {},
): Promise<string[]> {
  return inGrowingWorld(app, options, { tenants: 1, rows: ROWS }, async (world, grow) => {
    const before = await statementsByRoute(world)
    await grow()
    const after = await statementsByRoute(world)
    onUnjudged(world.unjudged)
    return [...after].flatMap(([route, sent]) => faultOf(route, before.get(route) ?? [], sent))
  })
}

function faultOf(route: Route, few: SentStatement[], many: SentStatement[]): string[] {
  if (many.length <= few.length) return []
  const repeated = many.find((it) => many.filter(({ text }) => text === it.text).length > 2)
  return [
    `${nameOf(route)}: sends more statements for more rows: ${few.length}, and ${many.length} with ` +
      `${ROWS} more rows (${(repeated ?? many.at(-1))?.text.slice(0, 120)}); ` +
      'query them all in one statement: a join, or where(column, "in", ids)',
  ]
}

async function statementsByRoute(world: World): Promise<Map<Route, SentStatement[]>> {
  const found = new Map<Route, SentStatement[]>()
  for (const route of world.routes.filter((it) => it.method === 'GET')) {
    const ask = () => call(world, route, world.a, world.a.admin)
    // The second time: the first may fill caches.
    const { status } = await ask()
    if (status < 300) found.set(route, await warmStatementsOf(world, ask))
    else
      world.unjudged.add(
        `${nameOf(route)}: statements for each row; that needs a valid call, and it answers ${status}`,
      )
  }
  return found
}

// On a busy machine a cache entry may be stale again: the statements of its look-up are not the route's.
async function warmStatementsOf(
  world: World,
  ask: () => Promise<unknown>,
): Promise<SentStatement[]> {
  let sent: SentStatement[] = []
  for (let attempt = 0; attempt < 5; attempt++) {
    const before = lookUps(world)
    sent = await world.api.statementsOf(ask)
    if (lookUps(world) === before) break
  }
  return sent
}
