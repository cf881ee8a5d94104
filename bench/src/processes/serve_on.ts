import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Listens on a free port, sends it and `more` to the parent process, and exits with the parent. */
export async function serveOn(server: Server, more: object = {}): Promise<void> {
  await new Promise<void>((resolve) => server.listen({ port: 0, host: '127.0.0.1' }, resolve))
  // An exit instead of a kill, so that a profile is written.
  process.on('SIGTERM', () => process.exit())
  process.on('disconnect', () => process.exit())
  process.send?.({ ...more, port: (server.address() as AddressInfo).port })
}
