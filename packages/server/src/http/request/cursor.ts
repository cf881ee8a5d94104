import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Cursors } from '../../app/context.ts'
import { AppError } from '../../lib/errors.ts'
import type { KeyRing, Keys } from '../../lib/keys.ts'

const MAC_BYTES = 16

/** The cursors of one list of one tenant: an HMAC over tenant, path and position, then the position. */
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
