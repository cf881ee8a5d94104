import type { Route } from '../../app/route.ts'
import { AppError, notFound } from '../../lib/errors.ts'
import type { Endpoint } from '../endpoints/endpoint.ts'

/** Finds the methods that a path accepts, for the Allow header of a 405. */
export interface RouteIndex {
  methodsOf(path: string): string[]
}

export function createRouteIndex(
  served: readonly Pick<Route | Endpoint, 'method' | 'path'>[],
): RouteIndex {
  const patterns = served.map(({ method = 'GET', path }) => ({ method, pattern: patternOf(path) }))
  return {
    methodsOf: (path) => patterns.filter((it) => it.pattern.test(path)).map((it) => it.method),
  }
}

/** 405 with Allow (RFC 9110, 15.5.6) if the path exists for other methods, otherwise 404. */
export function routeNotFound(index: RouteIndex, url: string): AppError {
  const path = withoutTrailingSlash(url.split('?', 1)[0] ?? '/')
  const methods = index.methodsOf(path)
  if (methods.length === 0) return notFound()
  const allow = methods.flatMap((it) => (it === 'GET' ? ['GET', 'HEAD'] : [it])).join(', ')
  return new AppError('method_not_allowed', 'request.method', `Use one of: ${allow}`, {
    headers: { allow },
  })
}

/** The path of the route that the router finds: it ignores one trailing slash. */
export function withoutTrailingSlash(path: string): string {
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path
}

function patternOf(path: string): RegExp {
  const escaped = path.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&')
  return new RegExp(`^${escaped.replaceAll(/:\w+/g, '[^/]+').replaceAll('*', '.*')}$`)
}
