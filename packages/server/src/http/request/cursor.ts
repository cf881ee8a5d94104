import { createHmac, timingSafeEqual } from 'node:crypto'
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import type { Cursors } from '../../app/context.ts'
import { MAX_CURSOR } from '../../app/list.ts'
import type { Route } from '../../app/route.ts'
import { AppError, unprocessable } from '../../lib/errors.ts'
import type { KeyRing, Keys } from '../../lib/keys.ts'
import type { RouteInput } from './validate.ts'

const MAC_BYTES = 16
const MAX_PACKED_BYTES = (MAX_CURSOR * 3) / 4 - MAC_BYTES

/**
 * Identifies a list: its route, the path parameters and the filters. A position in one list says nothing
 * about another one. In a declared list `count` does not filter.
 */
export function listOf(
  { path, list }: Pick<Route, 'path' | 'list'>,
  { params, query }: Pick<RouteInput, 'params' | 'query'>,
): string {
  const { limit: _limit, cursor: _cursor, ...others } = { ...(query as object) } as PageFields
  const { count: _count, ...filters } = others
  const sorted = Object.entries(list === undefined ? others : filters).sort(([a], [b]) =>
    a < b ? -1 : 1,
  )
  return JSON.stringify([path, params ?? {}, sorted], plainValue)
}

interface PageFields {
  limit?: unknown
  cursor?: unknown
  count?: unknown
}

// A schema may convert text to values that JSON leaves out or rejects.
function plainValue(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return String(value)
  return value instanceof Set || value instanceof Map ? [...value] : value
}

/** The cursors of one list of one tenant: an HMAC over tenant, list and packed position, then the latter. */
export function cursorsFor(keys: KeyRing, tenantId: string, list: string): Cursors {
  const macOf = (packed: Buffer, { key }: Keys = keys.current) =>
    createHmac('sha256', key('cursor'))
      .update(`${tenantId}\n${list}\n`)
      .update(packed)
      .digest()
      .subarray(0, MAC_BYTES)
  return {
    seal(position) {
      const packed = pack(position)
      return Buffer.concat([macOf(packed), packed]).toString('base64url')
    },
    open(cursor) {
      const bytes = Buffer.from(cursor, 'base64url')
      const packed = bytes.subarray(MAC_BYTES)
      const genuine =
        packed.length > 0 &&
        bytes.toString('base64url') === cursor &&
        keys.accepted.some((it) => timingSafeEqual(bytes.subarray(0, MAC_BYTES), macOf(packed, it)))
      if (!genuine) {
        throw new AppError('invalid', 'cursor.invalid', 'The cursor was not issued by this list')
      }
      return unpack(packed)
    },
  }
}

const PLAIN = 0
const DEFLATED = 1
const DEFLATE_FROM_BYTES = 512

// The position has the texts that the list is sorted by. One that fits into an index, which compresses it
// too, fits into a cursor.
function pack(position: string): Buffer {
  const plain = Buffer.from(position)
  const isPlain = plain.length < DEFLATE_FROM_BYTES
  const packed = Buffer.concat([
    Buffer.from([isPlain ? PLAIN : DEFLATED]),
    isPlain ? plain : deflateRawSync(plain),
  ])
  if (packed.length <= MAX_PACKED_BYTES) return packed
  const message = 'sorts by a text that is too long for a cursor; choose another order'
  throw unprocessable([{ pointer: '/query/sort', message }])
}

// Only what pack has made gets here: it cannot inflate to more than a position.
function unpack(packed: Buffer): string {
  const bytes = packed.subarray(1)
  return (packed[0] === DEFLATED ? inflateRawSync(bytes) : bytes).toString()
}
