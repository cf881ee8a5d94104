import { expect, test } from 'vitest'
import { ClockCache } from './clock_cache.ts'

const fresh = () => ({ used: false })

function filled(max: number, ...keys: string[]) {
  const kept = new ClockCache(max)
  for (const key of keys) kept.set(key, fresh())
  return kept
}

test('no more are kept than there is room for, however many come (DOS-4)', () => {
  const kept = new ClockCache(10)
  for (let at = 0; at < 1_000; at++) {
    kept.set(`${at}`, fresh())
    kept.get(`${at % 7}`)
    expect(kept.size).toBeLessThanOrEqual(10)
  }
  expect(kept.size).toBe(10)
})

test('what is asked for stays, whatever comes and is never asked for (DOS-4)', () => {
  const kept = filled(4, 'a', 'b')
  for (let at = 0; at < 100; at++) {
    expect(kept.get('a')).toBeDefined()
    expect(kept.get('b')).toBeDefined()
    kept.set(`flood ${at}`, fresh())
  }
})

test('what is new stays until as many have come as there is room for, used or not', () => {
  const kept = filled(100, 'a')
  for (let at = 0; at < 1_000; at++) {
    kept.get('a')
    kept.set(`${at}`, fresh())
  }
  for (let at = 901; at < 1_000; at++) expect(kept.get(`${at}`)).toBeDefined()
})

test('what was asked for once goes when others are asked for and it is not', () => {
  const kept = filled(3, 'once', 'a', 'b')
  kept.get('once')
  for (let at = 0; at < 10; at++) {
    kept.get('a')
    kept.set(`${at}`, fresh())
  }
  expect(kept.get('once')).toBeUndefined()
  expect(kept.get('a')).toBeDefined()
})

test('where all are in use one of them makes room', () => {
  const kept = filled(3, 'a', 'b', 'c')
  for (const key of ['a', 'b', 'c']) kept.get(key)
  kept.set('d', fresh())
  expect(kept.size).toBe(3)
  expect(kept.get('d')).toBeDefined()
})

test('however many are in use, few of them are looked at for the room of one (DOS-4)', () => {
  const kept = new ClockCache(10_000)
  const values = Array.from({ length: 10_000 }, fresh)
  for (const [at, value] of values.entries()) kept.set(`${at}`, value)
  for (const at of values.keys()) kept.get(`${at}`)
  kept.set('new', fresh())
  expect(kept.size).toBe(10_000)
  expect(values.filter((it) => !it.used).length).toBeLessThanOrEqual(1_000)
})

test('a value that replaces another takes its place and no more room', () => {
  const kept = filled(2, 'a', 'b')
  const later = fresh()
  kept.set('a', later)
  expect(kept.get('a')).toBe(later)
  expect(kept.get('b')).toBeDefined()
})

test('what was deleted is gone, also where it was next to go', () => {
  const kept = filled(3, 'a', 'b', 'c')
  kept.set('d', fresh())
  for (const key of ['b', 'c', 'd']) kept.delete(key)
  expect(kept.size).toBe(0)
  for (const key of ['e', 'f', 'g', 'h', 'i']) kept.set(key, fresh())
  expect(kept.size).toBe(3)
})
