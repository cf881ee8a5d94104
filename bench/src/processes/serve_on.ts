import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Listens on a free port, tells the parent which, and what else it should know; ends with it. */
export async function serveOn(server: Server, more: object = {}): Promise<void> {
  await new Promise<void>((resolve) => server.listen({ port: 0, host: '127.0.0.1' }, resolve))
  // As an exit and not a kill, so that a profile is written.
  process.on('SIGTERM', () => process.exit())
  process.on('disconnect', () => process.exit())
  process.send?.({ ...more, port: (server.address() as AddressInfo).port })
}
