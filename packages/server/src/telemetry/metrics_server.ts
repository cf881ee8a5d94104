import { createHash, timingSafeEqual } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Metrics } from './metrics.ts'

export interface MetricsListener {
  port: number
  host: string
  /** The required bearer token. Without one every client that reaches the port may read. */
  token: string | undefined
}

/** The open listener of the metrics. */
export interface MetricsServer {
  port: number
  close(): Promise<void>
}

// A scraper sends a few header lines and reads the reply immediately.
const limits = { requestTimeout: 5_000, headersTimeout: 5_000, maxHeaderSize: 8 * 1024 }

/**
 * Serves the metrics on a separate listener, which no tenant's host leads to. Rejects if the address
 * cannot be listened on.
 */
export async function serveMetrics(
  metrics: Metrics,
  { port, host, token }: MetricsListener,
): Promise<MetricsServer> {
  const isAllowed = token === undefined ? () => true : comparesTo(`Bearer ${token}`)
  const server = createServer(limits, (request, response) => {
    const errorStatus = errorStatusOf(request, isAllowed)
    if (errorStatus !== undefined) return reply(response, errorStatus, '')
    metrics
      .read()
      .then((text) => reply(response, 200, text, { 'content-type': metrics.contentType }))
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

function errorStatusOf(
  { method, url, headers }: IncomingMessage,
  isAllowed: (authorization: string) => boolean,
): number | undefined {
  if (!isAllowed(headers.authorization ?? '')) return 401
  if (url?.split('?', 1)[0] !== '/metrics') return 404
  return method === 'GET' || method === 'HEAD' ? undefined : 405
}

// Compares digests, which all have the same length, so that the duration reveals nothing.
function comparesTo(expected: string): (given: string) => boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  const expectedDigest = digest(expected)
  return (given) => timingSafeEqual(digest(given), expectedDigest)
}

function reply(
  response: ServerResponse,
  status: number,
  body: string,
  headers: Record<string, string> = {},
): void {
  const challenge = status === 401 ? { 'www-authenticate': 'Bearer' } : {}
  response.writeHead(status, { 'cache-control': 'no-store', ...challenge, ...headers }).end(body)
}
