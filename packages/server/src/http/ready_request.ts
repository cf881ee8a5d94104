import type { IncomingHttpHeaders } from 'node:http'
import type { Identity } from '../access/authenticate.ts'
import type { CookieExchange } from '../access/credentials/cookie_exchange.ts'
import type { RequestInfo, Tenant } from '../app/context.ts'
import type { Route } from '../app/route.ts'
import type { Deadline } from '../lib/deadline.ts'
import type { ReadInput, RouteInput } from './request/validate.ts'
import type { Serializer } from './response/serialize.ts'

/** A route with the serializers of its replies. */
export interface ServedRoute {
  route: Route
  readInput: ReadInput
  serialize: Serializer | undefined
  /** The serializer of the GET on the same path: an etag is the hash of its bytes. */
  serializeForEtag: Serializer | undefined
}

/** A request that may run its route: authorized and validated. */
export interface ReadyRequest {
  served: ServedRoute
  tenant: Tenant
  /** Undefined on public routes. */
  identity: Identity | undefined
  info: RequestInfo
  deadline: Deadline
  headers: IncomingHttpHeaders
  input: RouteInput
  /** Only of routes that open or end sessions. */
  cookies: CookieExchange | undefined
}
