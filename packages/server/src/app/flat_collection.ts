import type { Route } from './route.ts'

/**
 * The collection of what a nested POST creates, if only that has a route of one item: `/api/tasks` for
 * `/api/projects/:project_id/tasks`. Undefined if the items are below the path itself.
 */
export function flatCollection(
  { path }: Pick<Route, 'path'>,
  routes: readonly Pick<Route, 'path'>[],
): string | undefined {
  const [root = '', first = '', ...others] = path.split('/')
  const noun = others.at(-1)
  if (noun === undefined || noun.startsWith(':') || !path.includes('/:')) return undefined
  const flat = [root, first, noun].join('/')
  return hasItem(path, routes) || !hasItem(flat, routes) ? undefined : flat
}

function hasItem(collection: string, routes: readonly Pick<Route, 'path'>[]): boolean {
  const start = `${collection}/:`
  return routes.some(
    ({ path }) => path.startsWith(start) && !path.slice(start.length).includes('/'),
  )
}
