import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MAX_CURSOR } from '../../app/list.ts'
import { AppError } from '../../lib/errors.ts'
import { keyRing } from '../../lib/keys.ts'
import { cursorsFor, listOf } from './cursor.ts'

const secret = 'one secret of an installation'
const keys = keyRing(secret)
const cursors = cursorsFor(keys, 'tenant-a', '/api/projects')

function opens(cursor: string, by = cursors): boolean {
  try {
    by.open(cursor)
    return true
  } catch (error) {
    if (error instanceof AppError && error.status === 400) return false
    throw error
  }
}

describe('a cursor (API-5)', () => {
  test('opens to the position it was sealed with', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), (position) => {
        expect(cursors.open(cursors.seal(position))).toBe(position)
      }),
    )
  })

  test('of long texts opens, and is no longer than a list accepts', () => {
    const position = JSON.stringify(['"\u0001é'.repeat(20_000), '01a207c1'])
    const cursor = cursors.seal(position)
    expect(cursors.open(cursor)).toBe(position)
    expect(cursor.length).toBeLessThan(MAX_CURSOR)
    // As long as an entry of an index can be.
    const random = randomBytes(2_000).toString('base64')
    expect(cursors.open(cursors.seal(random))).toBe(random)
    expect(cursors.seal(random).length).toBeLessThanOrEqual(MAX_CURSOR)
  })

  test('of a text that is too long is refused, and the order is named', () => {
    expect(() => cursors.seal(randomBytes(4_000).toString('base64'))).toThrow(
      expect.objectContaining({
        status: 422,
        extras: { errors: [expect.objectContaining({ pointer: '/query/sort' })] },
      }),
    )
  })

  test.each([
    ['another tenant', cursorsFor(keys, 'tenant-b', '/api/projects')],
    ['another list', cursorsFor(keys, 'tenant-a', '/api/members')],
    ['another secret', cursorsFor(keyRing('another'), 'tenant-a', '/api/projects')],
    [
      'a tenant and a list that are alike when joined',
      cursorsFor(keys, 'tenant-a\n', 'api/projects'),
    ],
  ])('does not open for %s', (_, others) => {
    expect(opens(others.seal('01a207c1'))).toBe(false)
    expect(opens(cursors.seal('01a207c1'), others)).toBe(false)
  })

  test.each([
    ['another path parameter', { params: { id: 'b' }, query: { state: 'active' } }],
    ['another filter', { params: { id: 'a' }, query: { state: 'closed' } }],
    ['no filter', { params: { id: 'a' }, query: {} }],
    ['a count', { params: { id: 'a' }, query: { state: 'active', count: 2 } }],
    ['a bigint', { params: { id: 'a' }, query: { state: 1n } }],
    ['another set', { params: { id: 'a' }, query: { state: new Set(['active']) } }],
  ])('does not open for %s', (_, others) => {
    const given = { params: { id: 'a' }, query: { state: 'active' } }
    const by = (input: Parameters<typeof listOf>[1]) =>
      cursorsFor(keys, 'tenant-a', listOf({ path: '/api/projects/:id/tasks' }, input))
    expect(opens(by(others).seal('01a207c1'), by(given))).toBe(false)
  })

  test('opens for another limit, and for filters in another order', () => {
    const by = (query: object) =>
      cursorsFor(keys, 'tenant-a', listOf({ path: '/a' }, { params: {}, query }))
    const cursor = by({ state: 'active', q: 'x', limit: 1 }).seal('01a207c1')
    expect(opens(cursor, by({ q: 'x', state: 'active', limit: 2, cursor }))).toBe(true)
  })

  test('stays valid after one rotation of the secret (JWT-4)', () => {
    const rotated = cursorsFor(keyRing('another', secret), 'tenant-a', '/api/projects')
    const finished = cursorsFor(keyRing('another'), 'tenant-a', '/api/projects')
    const cursor = cursors.seal('01a207c1')
    expect(rotated.open(cursor)).toBe('01a207c1')
    expect(opens(cursor, finished)).toBe(false)
    expect(opens(rotated.seal('01a207c1'))).toBe(false)
  })

  test('does not open if any bit is changed', () => {
    const bytes = Buffer.from(cursors.seal('01a207c1-ee93-72cc-9c6c-0b525c2bf566'), 'base64url')
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const changed = Buffer.from(bytes)
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(opens(changed.toString('base64url'))).toBe(false)
    }
  })

  test('has exactly one spelling', () => {
    const cursor = cursors.seal('01a207c1')
    const mac = Buffer.from(cursor, 'base64url').subarray(0, 16)
    const others = [
      ...Array.from(cursor, (_, at) => cursor.slice(0, at)),
      `${cursor}=`,
      `${cursor}A`,
      ` ${cursor}`,
      `${cursor}\n`,
      cursor.replaceAll('-', '+').replaceAll('_', '/').padEnd(44, '='),
      mac.toString('base64url'),
      mac.toString('hex'),
    ].filter((it) => it !== cursor)
    expect(others.filter((it) => opens(it))).toEqual([])
  })

  test('no text that was not sealed opens', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(opens(text)).toBe(false)
        expect(opens(Buffer.from(text).toString('base64url'))).toBe(false)
      }),
    )
  })
})
