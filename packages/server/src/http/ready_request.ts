import type { Identity } from '../access/authenticate.ts'
import type { RequestInfo, Tenant } from '../app/context.ts'
import type { Route } from '../app/route.ts'
import type { Deadline } from '../lib/deadline.ts'
import type { ReadInput } from './request/validate.ts'
import type { Serializer } from './response/serialize.ts'

/** A route, and how its replies become bytes. */
export interface ServedRoute {
  route: Route
  readInput: ReadInput
  serialize: Serializer | undefined
  /** Of the GET on the same path: an etag is the hash of its bytes. */
  serializeForEtag: Serializer | undefined
}

/** A request that may run its route: permitted and validated. */
export interface ReadyRequest {
  served: ServedRoute
  tenant: Tenant
  /** Undefined on public routes. */
  identity: Identity | undefined
  info: RequestInfo
  deadline: Deadline
  ifMatch: string | undefined
  input: unknown
}
