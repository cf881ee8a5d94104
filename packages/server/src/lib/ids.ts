import { getRandomValues } from 'node:crypto'
import { NIL, v7 } from 'uuid'

/** The nil UUID (RFC 9562, 5.9): no row has it as its id, and it sorts before every other. */
export const NIL_ID: string = NIL

const ID_BYTES = 16
// A call to the operating system costs as much for the bytes of one id as for those of a hundred.
const pool = new Uint8Array(128 * ID_BYTES)
let used = pool.length
let msecs = 0
let seq = 0

/** A new id: a UUIDv7 (RFC 9562), so that ids sort by creation time. In one process each is above the last. */
export function newId(): string {
  const random = randomBytes()
  const now = Date.now()
  seq = (seq + 1) | 0
  if (now > msecs) {
    msecs = now
    seq = new DataView(random.buffer, random.byteOffset).getUint32(0) >>> 1
  } else if (seq === 0) msecs++
  return v7({ random, msecs, seq })
}

function randomBytes(): Uint8Array {
  if (used === pool.length) {
    getRandomValues(pool)
    used = 0
  }
  used += ID_BYTES
  return pool.subarray(used - ID_BYTES, used)
}
