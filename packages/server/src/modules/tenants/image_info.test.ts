import fc from 'fast-check'
import { expect, test } from 'vitest'
import { testPng } from '../../testing/sweeps/world/test_image.ts'
import { imageInfo } from './image_info.ts'

// Each of 16 x 12 pixels, after the specifications of the formats, and cut after its headers.
const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex')
const padding = '00'.repeat(16)
const jpeg = hex(
  `ffd8 ffe000104a46494600010100000100010000 ffdb0004 0000 ffc2 0011 08 000c 0010 03 ${padding}`,
)
const webp = (chunk: string) => hex(`52494646 2a000000 57454250 ${chunk} ${padding}`)

test.each([
  ['a PNG', testPng({ width: 16, height: 12 }), 'image/png'],
  ['a JPEG', jpeg, 'image/jpeg'],
  [
    'a JPEG with fill bytes',
    Buffer.concat([jpeg.subarray(0, 2), hex('ffff'), jpeg.subarray(2)]),
    'image/jpeg',
  ],
  ['a lossy WebP', webp('56503820 1e000000 300100 9d012a 1000 0c00'), 'image/webp'],
  ['a lossless WebP', webp('5650384c 1e000000 2f 0fc00200'), 'image/webp'],
  ['an extended WebP', webp('56503858 0a000000 10000000 0f0000 0b0000'), 'image/webp'],
])('reads type and size of %s', (_, bytes, type) => {
  expect(imageInfo(bytes)).toEqual({ type, width: 16, height: 12 })
})

test.each([
  ['nothing', ''],
  ['SVG', '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'],
  ['HTML', '<!doctype html><script>alert(1)</script>'],
  ['GIF', 'GIF89a'.padEnd(40, '\0')],
  ['text that names a type', 'image/png'.padEnd(40)],
  ['a RIFF file that is no image', 'RIFF\0\0\0\0WAVEfmt '.padEnd(40, '\0')],
])('takes no %s', (_, text) => {
  expect(imageInfo(Buffer.from(text, 'latin1'))).toBeUndefined()
})

test('ends, and does not throw, for images that are cut or changed anywhere', () => {
  const images = [testPng(), jpeg, webp('56503820 1e000000 300100 9d012a 1000 0c00')]
  const image = fc.constantFrom(...images)
  fc.assert(
    fc.property(image, fc.nat(80), fc.nat(80), fc.nat(255), (bytes, cut, at, value) => {
      const changed = Buffer.from(bytes.subarray(0, cut))
      if (at < changed.length) changed[at] = value
      const info = imageInfo(changed)
      if (info !== undefined) expect(info.type).toMatch(/^image\/(png|jpeg|webp)$/)
    }),
    { numRuns: 2_000 },
  )
})
