import type { AccessClaims } from '../access/tokens.ts'
import type { Actor, RequestInfo, Tenant } from '../app/context.ts'
import type { Route } from '../app/route.ts'
import type { Deadline } from '../lib/deadline.ts'
import type { Serializer } from './response/serialize.ts'

/** Who sent a request, and by which token. */
export interface SignedIn {
  actor: Actor
  claims: AccessClaims
}

/** A route, and how its replies become bytes. */
export interface ServedRoute {
  route: Route
  serialize: Serializer | undefined
  /** Of the GET on the same path: its bytes are what an etag was made from. */
  serializeForEtag: Serializer | undefined
}

/** A request that may run its route: validated, and signed in unless the route is public. */
export interface ReadyRequest {
  served: ServedRoute
  tenant: Tenant
  /** Absent on public routes. */
  signedIn: SignedIn | undefined
  info: RequestInfo
  deadline: Deadline
  ifMatch: string | undefined
  input: unknown
}
