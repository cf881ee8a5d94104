import type { Logger } from 'pino'
import type { Config } from '../../config/config.ts'
import type { Database } from '../../db/tenancy.ts'
import { serveInternal } from '../../http/endpoints/internal_server.ts'
import { certificateRoutes } from '../../modules/domains/certificates.ts'
import type { Lifecycle } from '../lifecycle.ts'
import { listenFault } from './listen_port.ts'

/** Serves the reverse proxy's questions if INTERNAL_PORT is set, until all requests are finished. */
export async function startInternal(
  life: Lifecycle,
  database: Database,
  { config, log }: { config: Config; log: Logger },
): Promise<void> {
  const { INTERNAL_PORT: port, INTERNAL_HOST: host } = config
  if (port === undefined) return
  const routes = certificateRoutes(database)
  const server = await serveInternal(routes, { port, host }).catch((error: unknown) => {
    throw listenFault(error, port, host, 'INTERNAL_')
  })
  life.atEnd(server.close)
  log.info({ port: server.port, host }, 'the reverse proxy is answered at /internal')
}
