import { expect, test } from 'vitest'
import { ClockCache } from './clock_cache.ts'

const fresh = () => ({ used: false })

function filled(max: number, ...keys: string[]) {
  const cache = new ClockCache(max)
  for (const key of keys) cache.set(key, fresh())
  return cache
}

test('the cache never exceeds its maximum, however many entries are added (DOS-4)', () => {
  const cache = new ClockCache(10)
  for (let i = 0; i < 1_000; i++) {
    cache.set(`${i}`, fresh())
    cache.get(`${i % 7}`)
    expect(cache.size).toBeLessThanOrEqual(10)
  }
  expect(cache.size).toBe(10)
})

test('used entries survive a flood of entries that are never used (DOS-4)', () => {
  const cache = filled(4, 'a', 'b')
  for (let i = 0; i < 100; i++) {
    expect(cache.get('a')).toBeDefined()
    expect(cache.get('b')).toBeDefined()
    cache.set(`flood ${i}`, fresh())
  }
})

test('a new entry survives as many insertions as the cache has room for, used or not', () => {
  const cache = filled(100, 'a')
  for (let i = 0; i < 1_000; i++) {
    cache.get('a')
    cache.set(`${i}`, fresh())
  }
  for (let i = 901; i < 1_000; i++) expect(cache.get(`${i}`)).toBeDefined()
})

test('an entry that is no longer used is evicted before entries that are', () => {
  const cache = filled(3, 'once', 'a', 'b')
  cache.get('once')
  for (let i = 0; i < 10; i++) {
    cache.get('a')
    cache.set(`${i}`, fresh())
  }
  expect(cache.get('once')).toBeUndefined()
  expect(cache.get('a')).toBeDefined()
})

test('if all entries are used, one of them is evicted', () => {
  const cache = filled(3, 'a', 'b', 'c')
  for (const key of ['a', 'b', 'c']) cache.get(key)
  cache.set('d', fresh())
  expect(cache.size).toBe(3)
  expect(cache.get('d')).toBeDefined()
})

test('one eviction examines a bounded number of used entries (DOS-4)', () => {
  const cache = new ClockCache(10_000)
  const values = Array.from({ length: 10_000 }, fresh)
  for (const [i, value] of values.entries()) cache.set(`${i}`, value)
  for (const i of values.keys()) cache.get(`${i}`)
  cache.set('new', fresh())
  expect(cache.size).toBe(10_000)
  expect(values.filter((it) => !it.used).length).toBeLessThanOrEqual(1_000)
})

test('setting an existing key replaces its value and evicts nothing', () => {
  const cache = filled(2, 'a', 'b')
  const later = fresh()
  cache.set('a', later)
  expect(cache.get('a')).toBe(later)
  expect(cache.get('b')).toBeDefined()
})

test('deleted entries are gone, including the next one to be evicted', () => {
  const cache = filled(3, 'a', 'b', 'c')
  cache.set('d', fresh())
  for (const key of ['b', 'c', 'd']) cache.delete(key)
  expect(cache.size).toBe(0)
  for (const key of ['e', 'f', 'g', 'h', 'i']) cache.set(key, fresh())
  expect(cache.size).toBe(3)
})
