import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { listenSeparately, type SeparateListener } from '../lib/net/separate_listener.ts'
import type { Metrics } from './metrics.ts'

export interface MetricsListener {
  port: number
  host: string
  /** The required bearer token. Without one every client that reaches the port may read. */
  token: string | undefined
}

/** Serves the metrics on a separate listener. Rejects if the address cannot be listened on. */
export function serveMetrics(
  metrics: Metrics,
  { port, host, token }: MetricsListener,
): Promise<SeparateListener> {
  const isAllowed = token === undefined ? () => true : comparesTo(`Bearer ${token}`)
  return listenSeparately({ port, host }, (request, response) => {
    const errorStatus = errorStatusOf(request, isAllowed)
    if (errorStatus !== undefined) return reply(response, errorStatus, '')
    metrics
      .read()
      .then((text) => reply(response, 200, text, { 'content-type': metrics.contentType }))
      .catch(() => response.destroy())
  })
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
