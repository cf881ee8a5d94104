import { once } from 'node:events'
import { createServer } from 'node:net'
import type { Config } from '../config/config.ts'
import { errorCode } from '../lib/file_errors.ts'
import { OperatorError } from '../lib/operator_error.ts'

/** The environment with a real port in place of PORT=0, so that links can name it. */
export async function withFreePort(environment: NodeJS.ProcessEnv): Promise<NodeJS.ProcessEnv> {
  if (environment['PORT'] !== '0') return environment
  return { ...environment, PORT: String(await tryPort(0, '127.0.0.1')) }
}

/** Throws an OperatorError where the address cannot be listened on: before anything is started. */
export async function assertPortFree({ PORT, HOST }: Config): Promise<void> {
  await tryPort(PORT, HOST).catch((error: unknown) => {
    throw listenFault(error, PORT, HOST)
  })
}

/** In plain words, why a server cannot listen. Its settings are PORT and HOST behind `prefix`. */
export function listenFault(error: unknown, port: number, host: string, prefix = ''): unknown {
  const [PORT, HOST] = [`${prefix}PORT`, `${prefix}HOST`]
  const words: Record<string, string> = {
    EADDRINUSE: `port ${port} is in use: stop the other program or set ${PORT}`,
    EACCES: `port ${port} needs more rights than this user has: set ${PORT} to 1024 or above`,
    EADDRNOTAVAIL: `${HOST} ${host} is no address of this machine: set ${HOST} to one, or to 127.0.0.1`,
    ENOTFOUND: `${HOST} ${host} is not known: set ${HOST} to an address, such as 127.0.0.1`,
  }
  const plain = words[errorCode(error)]
  return plain === undefined ? error : new OperatorError(plain, { cause: error })
}

async function tryPort(port: number, host: string): Promise<number> {
  const server = createServer().listen({ port, host, exclusive: true })
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address !== null ? address.port : port
}
