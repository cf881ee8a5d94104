import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { AppError } from '../../lib/errors.ts'
import { parseJson } from './json_body.ts'

const parse = (text: string | Uint8Array) =>
  parseJson(typeof text === 'string' ? new TextEncoder().encode(text) : text)

function rejectionOf(text: string | Uint8Array): string | undefined {
  try {
    parse(text)
    return undefined
  } catch (error) {
    if (error instanceof AppError && error.status === 400) return error.message
    throw error
  }
}

const nested = (levels: number, open: string, close: string) =>
  `${open.repeat(levels)}1${close.repeat(levels)}`
const list = (items: number) => `[${Array.from({ length: items }, () => 0)}]`
const keys = (count: number) => `{${Array.from({ length: count }, (_, at) => `"k${at}":0`)}}`

describe('a JSON body (API-7)', () => {
  test.each<[string, string | Uint8Array, string]>([
    ['a duplicate key', '{"a":1,"a":2}', 'a duplicate key'],
    ['a duplicate key, escaped', '{"a":1,"\\u0061":2}', 'a duplicate key'],
    ['a duplicate key around others', '{"x":{"a":1,"b":[{"c":1}],"a":2}}', 'a duplicate key'],
    ['a duplicate key in a list', '[{"a":{},"a":{}}]', 'a duplicate key'],
    ['__proto__', '{"__proto__":{"admin":true}}', '__proto__'],
    ['__proto__ in a nested object', '{"a":[{"__proto__":1}]}', '__proto__'],
    ['__proto__, escaped', '{"\\u005f_proto__":1}', '__proto__'],
    ['NUL', '{"a":"\\u0000"}', 'without NUL'],
    ['NUL in a key', '{"\\u0000":1}', 'without NUL'],
    ['a lone surrogate', '["\\ud800"]', 'valid Unicode'],
    ['a reversed surrogate pair', '["\\udc00\\ud800"]', 'valid Unicode'],
    ['a lone surrogate in a key', '{"\\ud83d":1}', 'valid Unicode'],
    ['33 lists', nested(33, '[', ']'), 'deeper than 32'],
    ['33 objects', nested(33, '{"a":', '}'), 'deeper than 32'],
    ['a quarter of a million lists', '['.repeat(250_000), 'deeper than 32'],
    ['fifty thousand objects', '{"a":'.repeat(50_000), 'deeper than 32'],
    ['1001 items', list(1_001), 'more than 1000 items'],
    ['1001 keys', keys(1_001), 'more than 1000 items'],
    ['a stray byte', new Uint8Array([0x22, 0xff, 0x22]), 'valid UTF-8'],
    ['an overlong NUL', new Uint8Array([0x22, 0xc0, 0x80, 0x22]), 'valid UTF-8'],
    ['an encoded surrogate', new Uint8Array([0x22, 0xed, 0xa0, 0x80, 0x22]), 'valid UTF-8'],
    ['UTF-16', new Uint8Array([0xff, 0xfe, 0x31, 0x00]), 'valid UTF-8'],
  ])('with %s is rejected', (_, text, why) => {
    expect(rejectionOf(text)).toContain(why)
  })

  test.each([
    ...['', ' ', '{', '{"a"', '{"a":', '{"a":1', '"', '"\\', '"\\u12', '"\\x"', '[1,]', '{"a":1,}'],
    ...[
      '{a:1}',
      "{'a':1}",
      '{"a":1}}',
      '{"a":1} {}',
      '[1]/**/',
      'NaN',
      '01',
      '+1',
      '.5',
      '0x1',
      '1e',
    ],
    ...['"a\tb"', '"a\nb"', '"\0"', 'undefined', 'True', '\u00a01', '[1 2]', ']', ',', '"a""b"'],
  ])('of %j, which is not JSON, is rejected', (text) => {
    expect(rejectionOf(text)).toContain('not valid JSON')
  })

  test.each([
    ['{"constructor":1,"toString":2}', { constructor: 1, toString: 2 }],
    ['9007199254740993', 9_007_199_254_740_992],
    ['-0', -0],
    ['1e400', Number.POSITIVE_INFINITY],
    ['"\\ud83d\\ude00"', '😀'],
    ['{"a":{"b":1},"b":{"a":1}}', { a: { b: 1 }, b: { a: 1 } }],
    ['[{"a":1},{"a":1}]', [{ a: 1 }, { a: 1 }]],
    ['{"a":"{\\"a\\":1,\\"a\\":2}"}', { a: '{"a":1,"a":2}' }],
    ['["a","a",":","a"]', ['a', 'a', ':', 'a']],
    ['\ufeff1', 1],
  ])('of %j is parsed as JSON.parse does', (text, value) => {
    expect(parse(text)).toEqual(value)
  })

  test('may have 32 levels and 1000 items', () => {
    expect(rejectionOf(nested(32, '[', ']'))).toBeUndefined()
    expect(rejectionOf(list(1_000))).toBeUndefined()
    expect(rejectionOf(keys(1_000))).toBeUndefined()
    expect(rejectionOf(`[${list(600)},${list(600)}]`)).toBeUndefined()
  })

  test('cannot pollute a prototype', () => {
    rejectionOf('{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}')
    expect('polluted' in {}).toBe(false)
  })

  test('from JSON.stringify is accepted, and any other text is accepted or gets 400', () => {
    const value = fc.jsonValue({ depthSize: 'medium', stringUnit: 'grapheme' })
    fc.assert(
      fc.property(value, (value) => {
        const text = JSON.stringify(value)
        if (/"__proto__":|\\u0000/.test(text)) expect(rejectionOf(text)).toBeDefined()
        else expect(parse(text)).toEqual(JSON.parse(text))
      }),
    )
    const fragments = fc.string({ unit: fc.constantFrom(...'{}[]",:\\u01ade. ') })
    fc.assert(
      fc.property(fragments, (text) => void rejectionOf(text)),
      { numRuns: 1_000 },
    )
  })
})
