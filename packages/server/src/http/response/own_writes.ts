import type { ServerResponse } from 'node:http'
import type { Config } from '../../config/config.ts'

/** The field with which a client says that it has just written. */
export const WRITTEN = 'tenantry-written'

/**
 * Where a replica is read: adds to the reply of a write for how many milliseconds the client shall send the
 * field back. After that no server reads from a replica that could lack the write. A write that failed may be
 * committed, too.
 */
export function ownWriteMarker({ DB_READ_URL, READ_LAG_MS }: Config) {
  if (DB_READ_URL === undefined) return undefined
  return (method: string, reply: ServerResponse) => {
    if (method !== 'GET' && method !== 'HEAD') reply.setHeader(WRITTEN, String(READ_LAG_MS))
  }
}
