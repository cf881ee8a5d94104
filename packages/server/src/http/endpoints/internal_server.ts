import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A reply of the internal listener. */
export interface InternalReply {
  status: number
  body?: unknown
}

/** Answers a GET of the reverse proxy. */
export type InternalRoute = (query: URLSearchParams) => Promise<InternalReply>

/** The open internal listener. */
export interface InternalServer {
  port: number
  close(): Promise<void>
}

// A proxy sends a few header lines and reads the reply immediately.
const limits = { requestTimeout: 5_000, headersTimeout: 5_000, maxHeaderSize: 8 * 1024 }

const BASE = 'http://internal'

/**
 * Serves routes, by path, on a separate listener, which no tenant's host leads to. Rejects if the address cannot be
 * listened on.
 */
export async function serveInternal(
  routes: Readonly<Record<string, InternalRoute>>,
  { port, host }: { port: number; host: string },
): Promise<InternalServer> {
  const server = createServer(limits, ({ method, url = '' }, response) => {
    // A target such as `//` is no URL.
    const { pathname, searchParams } = new URL(URL.canParse(url, BASE) ? url : '/', BASE)
    const route = Object.hasOwn(routes, pathname) ? routes[pathname] : undefined
    if (route === undefined) return reply(response, { status: 404 })
    if (method !== 'GET' && method !== 'HEAD') return reply(response, { status: 405 })
    route(searchParams)
      .catch((): InternalReply => ({ status: 503 }))
      .then((it) => reply(response, it))
  })
  server.listen(port, host)
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

function reply(response: ServerResponse, { status, body }: InternalReply): void {
  const headers = { 'cache-control': 'no-store', 'content-type': 'application/json' }
  response.writeHead(status, headers).end(body === undefined ? '' : JSON.stringify(body))
}
