import { isAnonymous, type Route } from '../../app/route.ts'
import { valuesByTable } from './world/rows.ts'
import { bodyFor, call, nameOf, pathIn, type World } from './world/world.ts'

// The rows that public routes of the kernel may show.
const kernelShows: Readonly<Record<string, string>> = {
  'GET /api/branding': 'what the tenant shows to everyone',
  'POST /api/auth/token': 'the names of the roles of the member who signed in',
  'POST /api/auth/login': 'the names of the roles of the member who signed in',
}

/**
 * Calls every public route without credentials, and looks in the replies for this tenant's rows, its
 * name and subdomain aside. Returns the routes that show rows and do not declare it with `rows`.
 */
export async function publicReplyFaults(world: World): Promise<string[]> {
  const faults: string[] = []
  for (const route of world.routes) {
    if (!isAnonymous(route) || route.rows !== undefined || nameOf(route) in kernelShows) continue
    const shown = await shownTables(world, route)
    if (shown.length === 0) continue
    faults.push(
      `${nameOf(route)}: shows rows of ${shown.join(', ')} to a client that is not signed in; ` +
        "leave them out of the reply, or declare rows: '<why>'",
    )
  }
  return faults
}

/** The public routes that declare `rows`, with their reason and the tables whose rows they showed. */
export async function publicRowsTable(world: World): Promise<string[]> {
  const routes = world.routes.filter((it) => it.rows !== undefined)
  if (routes.length === 0) return []
  const lines: string[] = []
  for (const route of routes) {
    const shown = await shownTables(world, route)
    lines.push(`| ${nameOf(route)} | ${route.rows} | ${shown.join(', ') || 'none'} |`)
  }
  return [
    '## Public routes that reach rows',
    '',
    '| route | why | shows rows of |',
    '|---|---|---|',
    ...lines,
    '',
  ]
}

async function shownTables(world: World, route: Route): Promise<string[]> {
  const { tenant } = world.a
  await world.api.running.settle()
  const known = await valuesByTable(tenant.id)
  const { text } = await call(world, route, world.a, undefined)
  const sent = `${pathIn(route, world.a)} ${JSON.stringify(bodyFor(world, route, world.a) ?? '')}`
  const isShown = (value: string) =>
    text.includes(value) && !sent.includes(value) && value !== tenant.subdomain
  return [...known].filter(([, values]) => [...values].some(isShown)).map(([table]) => table)
}
