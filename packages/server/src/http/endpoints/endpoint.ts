import type { IncomingHttpHeaders } from 'node:http'

/** A page served without a tenant: health, the OpenAPI document, development pages. */
export interface Endpoint {
  path: `/${string}`
  method?: 'GET' | 'POST'
  respond(request: EndpointRequest): EndpointReply | Promise<EndpointReply>
}

/** The request of an endpoint. It has no tenant and no user. */
export interface EndpointRequest {
  headers: IncomingHttpHeaders
  /** The address of the socket's peer. */
  peer: string
  query: URLSearchParams
}

export interface EndpointReply {
  status?: number
  type: string
  body: string | Buffer
  headers?: Record<string, string>
}

/** A reply of JSON. */
export function jsonReply(value: unknown, status = 200): EndpointReply {
  return { status, type: 'application/json; charset=utf-8', body: JSON.stringify(value) }
}

/** A reply of HTML, which may load only what `policy` lists (CSP Level 3). */
export function htmlReply(body: string, policy: string): EndpointReply {
  const headers = { 'content-security-policy': policy }
  return { type: 'text/html; charset=utf-8', body, headers }
}

/** A script that a page loads by its path, so that no policy has to allow inline scripts. */
export function scriptReply(
  body: string | Buffer,
  headers: Record<string, string> = {},
): EndpointReply {
  return { type: 'text/javascript; charset=utf-8', body, headers }
}
