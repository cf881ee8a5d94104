import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'

/**
 * A port of this machine that nobody has now: for a program that takes no "any port", or cannot say which
 * one it has taken. That somebody else takes it first is possible; the program says so then.
 */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
