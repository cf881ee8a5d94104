import type { ServerResponse } from 'node:http'
import { listenSeparately, type SeparateListener } from '../../lib/net/separate_listener.ts'

/** A reply of the internal listener. */
export interface InternalReply {
  status: number
  body?: unknown
}

/** Answers a GET of the reverse proxy. */
export type InternalRoute = (query: URLSearchParams) => Promise<InternalReply>

const BASE = 'http://internal'

/** Serves routes, by path, on a separate listener. Rejects if the address cannot be listened on. */
export function serveInternal(
  routes: Readonly<Record<string, InternalRoute>>,
  address: { port: number; host: string },
): Promise<SeparateListener> {
  return listenSeparately(address, ({ method, url = '' }, response) => {
    // A target such as `//` is no URL.
    const { pathname, searchParams } = new URL(URL.canParse(url, BASE) ? url : '/', BASE)
    const route = Object.hasOwn(routes, pathname) ? routes[pathname] : undefined
    if (route === undefined) return reply(response, { status: 404 })
    if (method !== 'GET' && method !== 'HEAD') return reply(response, { status: 405 })
    route(searchParams)
      .catch((): InternalReply => ({ status: 503 }))
      .then((it) => reply(response, it))
  })
}

function reply(response: ServerResponse, { status, body }: InternalReply): void {
  const headers = { 'cache-control': 'no-store', 'content-type': 'application/json' }
  response.writeHead(status, headers).end(body === undefined ? '' : JSON.stringify(body))
}
