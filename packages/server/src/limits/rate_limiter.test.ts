import fc from 'fast-check'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { AppError } from '../lib/errors.ts'
import { createRateLimiter, type RateLimiter } from './rate_limiter.ts'

// Only the clock is faked.
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'], now: 0 })
})
afterEach(() => {
  vi.useRealTimers()
})

function rejection(rate: RateLimiter, subject: string, perSecond: number): AppError | undefined {
  try {
    rate.consume(subject, perSecond)
    return undefined
  } catch (error) {
    if (error instanceof AppError) return error
    throw error
  }
}

test('a subject gets at most the rate plus one burst, and at least the rate, whatever the arrival times (DOS-4)', () => {
  const pauses = fc.array(fc.integer({ min: 0, max: 500 }), { maxLength: 200 })
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 20 }), pauses, (perSecond, waits) => {
      const rate = createRateLimiter('test')
      let [taken, elapsed] = [0, 0]
      for (const wait of waits) {
        vi.advanceTimersByTime(wait)
        elapsed += wait / 1_000
        const rejected = rejection(rate, 'a', perSecond)
        if (rejected === undefined) taken++
        expect(taken).toBeLessThanOrEqual(perSecond * (2 + elapsed) + 1e-6)
        if (rejected !== undefined) expect(taken).toBeGreaterThan(perSecond * 2 - 1)
      }
    }),
  )
})

test('a rejection states the quota and a retry time that then succeeds (DOS-4)', () => {
  const rate = createRateLimiter('tenant')
  for (let at = 0; at < 20; at++) expect(rejection(rate, 'a', 10)).toBeUndefined()
  const rejected = rejection(rate, 'a', 10)
  expect([rejected?.status, rejected?.extras]).toEqual([
    429,
    {
      retryAfter: 1,
      headers: { 'ratelimit-policy': '"tenant";q=20;w=2', ratelimit: '"tenant";r=0;t=1' },
    },
  ])
  expect(rejection(rate, 'b', 10)).toBeUndefined()
  vi.advanceTimersByTime(1_000)
  expect(rejection(rate, 'a', 10)).toBeUndefined()
})

test('a rejected request costs nothing: retrying early does not postpone the next success (DOS-4)', () => {
  const rate = createRateLimiter('test')
  while (rejection(rate, 'a', 1) === undefined);
  for (let at = 0; at < 100; at++) rejection(rate, 'a', 1)
  vi.advanceTimersByTime(1_000)
  expect(rejection(rate, 'a', 1)).toBeUndefined()
})

test('a million subjects need bounded memory and do not consume tokens of another subject (DOS-4)', () => {
  const rate = createRateLimiter('test', 1_000)
  for (let at = 0; at < 1_000_000; at++) rate.consume(String(at), 1)
  expect(rate.size).toBeLessThanOrEqual(1_000)
  vi.advanceTimersByTime(2_000)
  for (let at = 0; at < 1_000; at++) rate.consume('a', 1_000)
  expect(rate.size).toBe(1)
})

test('at full capacity the least recently used bucket is dropped (DOS-4)', () => {
  const rate = createRateLimiter('test', 2)
  for (const subject of ['a', 'b', 'a', 'c']) rate.consume(subject, 1)
  expect(rejection(rate, 'a', 1)?.status).toBe(429)
})

test('a charge after the fact counts, but never puts a bucket into debt (DOS-4)', () => {
  const rate = createRateLimiter('test')
  for (let at = 0; at < 10; at++) rate.assertAvailable('a', 1)
  for (let at = 0; at < 100; at++) rate.charge('a', 1)
  expect(() => rate.assertAvailable('a', 1)).toThrow('Too many requests')
  expect(rejection(rate, 'a', 1)?.status).toBe(429)
  vi.advanceTimersByTime(1_000)
  rate.assertAvailable('a', 1)
  expect([rejection(rate, 'a', 1), rejection(rate, 'a', 1)?.status]).toEqual([undefined, 429])
})
