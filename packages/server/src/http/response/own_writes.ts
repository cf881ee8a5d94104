import type { FastifyInstance } from 'fastify'
import type { Config } from '../../config/config.ts'

/** The field with which a client says that it has just written. */
export const WRITTEN = 'tenantry-written'

/**
 * Adds to the reply of a write for how many milliseconds the client shall send the field back. After that no
 * server reads from a replica that could lack the write. A write that failed may be committed, too. Where no
 * replica is read, there is nothing to add.
 */
export function markOwnWrites(
  app: FastifyInstance,
  { DB_READ_URL, READ_LAG_MS }: Pick<Config, 'DB_READ_URL' | 'READ_LAG_MS'>,
): void {
  if (DB_READ_URL === undefined) return
  app.addHook('onRequest', ({ method }, reply, done) => {
    if (method !== 'GET' && method !== 'HEAD') reply.raw.setHeader(WRITTEN, String(READ_LAG_MS))
    done()
  })
}
