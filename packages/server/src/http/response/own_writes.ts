import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import type { Config } from '../../config/config.ts'

const HEADER = 'tenantry-written'

/**
 * Adds to the reply of a write for how many milliseconds the client shall send the header back. After that no
 * server reads from a replica that could lack the write. A write that failed may be committed, too. Where no
 * replica is read, there is nothing to add.
 */
export function markOwnWrites(
  { DB_READ_URL, READ_LAG_MS }: Pick<Config, 'DB_READ_URL' | 'READ_LAG_MS'>,
  method: string,
  reply: ServerResponse,
): void {
  if (DB_READ_URL === undefined || method === 'GET' || method === 'HEAD') return
  reply.setHeader(HEADER, String(READ_LAG_MS))
}

/** Whether the client says that it has just written. */
export function hasJustWritten(headers: IncomingHttpHeaders): boolean {
  return headers[HEADER] !== undefined
}
