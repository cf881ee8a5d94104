import { createHash, timingSafeEqual } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Metrics } from './metrics.ts'

export interface MetricsListener {
  port: number
  host: string
  /** Asked for as a bearer token; without one, whoever reaches the port may read. */
  token: string | undefined
}

/** The listener of the metrics while it is open. */
export interface MetricsServer {
  port: number
  close(): Promise<void>
}

// Whoever scrapes sends a few lines and reads soon.
const limits = { requestTimeout: 5_000, headersTimeout: 5_000, maxHeaderSize: 8 * 1024 }

/**
 * Serves the metrics, at a listener of their own: tenants' hosts lead to the other one. Rejects where
 * the address cannot be listened on.
 */
export async function serveMetrics(
  metrics: Metrics,
  { port, host, token }: MetricsListener,
): Promise<MetricsServer> {
  const isAllowed = token === undefined ? () => true : comparesTo(`Bearer ${token}`)
  const server = createServer(limits, (request, response) => {
    const rejection = refusalOf(request, isAllowed)
    if (rejection !== undefined) return answer(response, rejection, '')
    metrics
      .read()
      .then((text) => answer(response, 200, text, { 'content-type': metrics.contentType }))
      .catch(() => response.destroy())
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

function refusalOf(
  { method, url, headers }: IncomingMessage,
  isAllowed: (authorization: string) => boolean,
): number | undefined {
  if (!isAllowed(headers.authorization ?? '')) return 401
  if (url?.split('?', 1)[0] !== '/metrics') return 404
  return method === 'GET' || method === 'HEAD' ? undefined : 405
}

// Of equal length whatever was sent, so that the comparison takes the same time for all of it.
function comparesTo(expected: string): (given: string) => boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  const wanted = digest(expected)
  return (given) => timingSafeEqual(digest(given), wanted)
}

function answer(
  response: ServerResponse,
  status: number,
  body: string,
  headers: Record<string, string> = {},
): void {
  const challenge = status === 401 ? { 'www-authenticate': 'Bearer' } : {}
  response.writeHead(status, { 'cache-control': 'no-store', ...challenge, ...headers }).end(body)
}
