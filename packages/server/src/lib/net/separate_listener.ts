import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'

/** An open listener. */
export interface SeparateListener {
  port: number
  close(): Promise<void>
}

// A scraper or a proxy sends a few header lines and reads the reply immediately.
const limits = { requestTimeout: 5_000, headersTimeout: 5_000, maxHeaderSize: 8 * 1024 }

/**
 * Listens for programs of the operator, apart from the API: no tenant's host leads there. Rejects if the address cannot
 * be listened on.
 */
export async function listenSeparately(
  { port, host }: { port: number; host: string },
  onRequest: RequestListener,
): Promise<SeparateListener> {
  const server = createServer(limits, onRequest)
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
