import type { IncomingHttpHeaders } from 'node:http'

/** Something served without a tenant: health, the API's description, development pages. */
export interface Endpoint {
  path: `/${string}`
  method?: 'GET' | 'POST'
  respond(request: EndpointRequest): EndpointReply | Promise<EndpointReply>
}

/** What a page may know of its request. Never who it is for: no tenant is resolved. */
export interface EndpointRequest {
  headers: IncomingHttpHeaders
  query: URLSearchParams
}

export interface EndpointReply {
  status?: number
  type: string
  body: string | Buffer
  headers?: Record<string, string>
}

/** A page that answers JSON. */
export function jsonReply(value: unknown, status = 200): EndpointReply {
  return { status, type: 'application/json; charset=utf-8', body: JSON.stringify(value) }
}

/** A page of HTML that may load nothing but what `policy` lists (CSP Level 3). */
export function htmlReply(body: string, policy: string): EndpointReply {
  const headers = { 'content-security-policy': policy }
  return { type: 'text/html; charset=utf-8', body, headers }
}

/** A script that a page loads by its path, so that no policy has to allow inline ones. */
export function scriptReply(
  body: string | Buffer,
  headers: Record<string, string> = {},
): EndpointReply {
  return { type: 'text/javascript; charset=utf-8', body, headers }
}
