import type { Route } from '../../app/route.ts'
import { OperatorError } from '../../lib/operator_error.ts'
import type { Endpoint } from './endpoint.ts'

/** Rejects, at start, routes at or below a path that the server itself answers, such as `/auth/*`. */
export function checkPaths(routes: readonly Route[], endpoints: readonly Endpoint[]): void {
  const faults = routes.flatMap((route) => {
    const taken = endpoints.find((it) => covers(it.path, route.path))
    return taken === undefined
      ? []
      : [
          `${route.method} ${route.path}: the server itself answers ${taken.path}; choose another path, such as /api${route.path}`,
        ]
  })
  if (faults.length > 0) throw new OperatorError(`bad routes:\n  ${faults.join('\n  ')}`)
}

function covers(taken: string, path: string): boolean {
  return taken.endsWith('/*') ? path.startsWith(taken.slice(0, -1)) : path === taken
}
