import { once } from 'node:events'
import { createServer } from 'node:net'
import type { Config } from '../../config/config.ts'
import { errorCode } from '../../lib/file_errors.ts'
import { OperatorError } from '../../lib/operator_error.ts'

/** The environment with a free port in place of PORT=0, so that links can name it. */
export async function withFreePort(environment: NodeJS.ProcessEnv): Promise<NodeJS.ProcessEnv> {
  if (environment['PORT'] !== '0') return environment
  return { ...environment, PORT: String(await tryPort(0, '127.0.0.1')) }
}

/** Throws an OperatorError if the server could not listen: before anything is started. */
export async function assertPortFree(
  { PORT, HOST }: Pick<Config, 'PORT' | 'HOST'>,
  prefix = '',
): Promise<void> {
  await tryPort(PORT, HOST).catch((error: unknown) => {
    throw listenFault(error, PORT, HOST, prefix)
  })
}

/** The error of a server that cannot listen, with its fix. The settings are `prefix` + PORT and HOST. */
export function listenFault(error: unknown, port: number, host: string, prefix = ''): unknown {
  const [PORT, HOST] = [`${prefix}PORT`, `${prefix}HOST`]
  const words: Record<string, string> = {
    EADDRINUSE: `port ${port} is in use: stop the other program or set ${PORT}`,
    EACCES: `this user may not listen on port ${port}: set ${PORT} to 1024 or above`,
    EADDRNOTAVAIL: `${HOST} ${host} is not an address of this machine: set ${HOST} to one, or to 127.0.0.1`,
    ENOTFOUND: `${HOST} ${host} cannot be resolved: set ${HOST} to an address, such as 127.0.0.1`,
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
