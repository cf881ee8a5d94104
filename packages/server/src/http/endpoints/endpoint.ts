import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'

/** Something served without a tenant: health, the OpenAPI document, pages and their files. */
export interface Endpoint {
  /** May end in `/*`, for every path below. */
  path: `/${string}`
  method?: 'GET' | 'POST'
  /** Asked every second or two by a load balancer: a success is logged at `debug` alone. */
  isProbe?: true
  respond(request: EndpointRequest): EndpointReply | Promise<EndpointReply>
  /** A file in memory. The server sends it before any other step, and asks `respond` if there is none. */
  file?(request: IncomingMessage): FileReply | undefined
}

/** A reply with all of its header fields but the request id: names and values in turns, as Node.js takes them. */
export interface FileReply {
  status: number
  fields: string[]
  body?: Buffer
}

/** The request of an endpoint. It has no tenant and no user. */
export interface EndpointRequest {
  headers: IncomingHttpHeaders
  /** The address of the socket's peer. */
  peer: string
  query: URLSearchParams
  /** The request of Node.js, whose `url` is the path and the query. */
  raw: IncomingMessage
  /** The target as it was sent, which may be in absolute form. */
  target: string
}

export interface EndpointReply {
  status?: number
  type?: string
  body?: string | Buffer
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

/** A redirect after which the client sends a GET. Browsers keep the fragment (Fetch standard, 4.4). */
export function seeOther(location: string): EndpointReply {
  return { status: 303, headers: { location } }
}
