import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Cursors } from '../../app/context.ts'
import { AppError } from '../../lib/errors.ts'
import type { KeyRing, Keys } from '../../lib/keys.ts'
import type { RouteInput } from './validate.ts'

const MAC_BYTES = 16

/**
 * Identifies a list: its route, the path parameters and the filters. A position in one list says nothing
 * about another one.
 */
export function listOf(
  path: string,
  { params, query }: Pick<RouteInput, 'params' | 'query'>,
): string {
  const { limit: _limit, cursor: _cursor, ...filters } = { ...(query as object) } as PageFields
  const sorted = Object.entries(filters).sort(([a], [b]) => (a < b ? -1 : 1))
  return JSON.stringify([path, params ?? {}, sorted], plainValue)
}

interface PageFields {
  limit?: unknown
  cursor?: unknown
}

// A schema may convert text to values that JSON leaves out or rejects.
function plainValue(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return String(value)
  return value instanceof Set || value instanceof Map ? [...value] : value
}

/** The cursors of one list of one tenant: an HMAC over tenant, list and position, then the position. */
export function cursorsFor(keys: KeyRing, tenantId: string, list: string): Cursors {
  const macOf = (position: string, { key }: Keys = keys.current) =>
    createHmac('sha256', key('cursor'))
      .update(`${tenantId}\n${list}\n${position}`)
      .digest()
      .subarray(0, MAC_BYTES)
  return {
    seal: (position) =>
      Buffer.concat([macOf(position), Buffer.from(position)]).toString('base64url'),
    open(cursor) {
      const bytes = Buffer.from(cursor, 'base64url')
      const position = bytes.subarray(MAC_BYTES).toString()
      const genuine =
        bytes.length > MAC_BYTES &&
        bytes.toString('base64url') === cursor &&
        keys.accepted.some((it) =>
          timingSafeEqual(bytes.subarray(0, MAC_BYTES), macOf(position, it)),
        )
      if (!genuine) {
        throw new AppError('invalid', 'cursor.invalid', 'The cursor was not issued by this list')
      }
      return position
    },
  }
}
