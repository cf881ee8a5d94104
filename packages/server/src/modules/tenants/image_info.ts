/** What the first bytes of an image say. */
export interface ImageInfo {
  type: 'image/png' | 'image/jpeg' | 'image/webp'
  width: number
  height: number
}

/**
 * Reads type and size of a PNG, a JPEG or a WebP from its bytes: what a client says about a file proves nothing.
 * Undefined for anything else. The picture itself is not decoded.
 */
export function imageInfo(bytes: Buffer): ImageInfo | undefined {
  return pngInfo(bytes) ?? jpegInfo(bytes) ?? webpInfo(bytes)
}

const PNG_START = Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex')

// PNG 3, 5.2 and 11.2.1: the signature and the chunk IHDR.
function pngInfo(bytes: Buffer): ImageInfo | undefined {
  if (bytes.length < 33 || !bytes.subarray(0, PNG_START.length).equals(PNG_START)) return undefined
  return { type: 'image/png', width: bytes.readUInt32BE(16), height: bytes.readUInt32BE(20) }
}

// ITU T.81, B.1.1.3: the frame header holds the size. It follows segments that have a length each.
function jpegInfo(bytes: Buffer): ImageInfo | undefined {
  if (bytes.length < 4 || bytes.readUInt16BE(0) !== 0xffd8) return undefined
  let at = 2
  while (at + 9 <= bytes.length && bytes[at] === 0xff) {
    const marker = bytes[at + 1] ?? 0
    // A marker may be preceded by fill bytes.
    if (marker === 0xff) at += 1
    else if (isFrame(marker)) {
      const [height, width] = [bytes.readUInt16BE(at + 5), bytes.readUInt16BE(at + 7)]
      return { type: 'image/jpeg', width, height }
    } else at += 2 + bytes.readUInt16BE(at + 2)
  }
  return undefined
}

// SOF0 to SOF15, without DHT, JPG and DAC.
function isFrame(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)
}

// RFC 9649, 2: a RIFF file whose first chunk is of one of three kinds.
function webpInfo(bytes: Buffer): ImageInfo | undefined {
  if (bytes.length < 30) return undefined
  const text = (from: number) => bytes.toString('latin1', from, from + 4)
  if (text(0) !== 'RIFF' || text(8) !== 'WEBP') return undefined
  const size = webpSizes[text(12)]?.(bytes)
  return size && { type: 'image/webp', ...size }
}

type Size = Pick<ImageInfo, 'width' | 'height'>

const webpSizes: Readonly<Record<string, (bytes: Buffer) => Size | undefined>> = {
  // RFC 6386, 9.1: a key frame.
  'VP8 ': (bytes) =>
    bytes.readUIntBE(23, 3) === 0x9d012a
      ? { width: bytes.readUInt16LE(26) & 0x3fff, height: bytes.readUInt16LE(28) & 0x3fff }
      : undefined,
  VP8L: (bytes) => {
    if (bytes[20] !== 0x2f) return undefined
    const packed = bytes.readUInt32LE(21)
    return { width: (packed & 0x3fff) + 1, height: ((packed >>> 14) & 0x3fff) + 1 }
  },
  VP8X: (bytes) => ({ width: bytes.readUIntLE(24, 3) + 1, height: bytes.readUIntLE(27, 3) + 1 }),
}
