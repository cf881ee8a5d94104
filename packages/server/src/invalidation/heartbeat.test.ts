import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { elapsedMs, momentNow } from '../lib/time/moment.ts'
import { Heartbeat } from './heartbeat.ts'
import { createInvalidationListener } from './listener.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

test('a heartbeat waits until the previous one is sent, so a slow connection builds no queue', async () => {
  const pending: (() => void)[] = []
  const notify = () => new Promise<void>((resolve) => pending.push(resolve))
  const heartbeat = new Heartbeat(notify, { onReturn: () => {}, onJobs: () => {} })
  heartbeat.run().catch(() => {})
  await vi.advanceTimersByTimeAsync(2_000)
  expect(pending).toHaveLength(1)
  pending[0]?.()
  await vi.advanceTimersByTimeAsync(300)
  expect(pending).toHaveLength(2)
  heartbeat.stop()
})

test('a heartbeat that was stopped while its connection was proven starts no timer', async () => {
  const notify = vi.fn(async () => {})
  const heartbeat = new Heartbeat(notify, { onReturn: () => {}, onJobs: () => {} })
  heartbeat.stop()
  await expect(heartbeat.run()).rejects.toThrow('stopped')
  expect(vi.getTimerCount()).toBe(0)
  expect(notify).not.toHaveBeenCalled()
})

test('elapsed time is the larger of both clocks: after a suspended machine, after a clock set back (SESS-6)', () => {
  const { now, isCurrent } = unstartedListener()
  const then = momentNow()
  const expiring = { ...then, dependsOn: [], validMs: 30_000, position: 0 }
  // Fake timers advance both clocks equally.
  vi.advanceTimersByTime(400)
  const resumed = Date.now() + 60_000
  vi.setSystemTime(resumed)
  expect(elapsedMs(then, now())).toBeGreaterThanOrEqual(60_400)
  expect(isCurrent(expiring, now())).toBe(false)
  vi.setSystemTime(resumed - 3_600_000)
  expect(elapsedMs(then, now())).toBeGreaterThanOrEqual(400)
})

test('a stored moment never looks younger than it is', () => {
  const { now } = unstartedListener()
  for (const ms of [0.25, 0.5, 0.9]) {
    vi.advanceTimersByTime(ms)
    const exact = performance.now()
    const stored = momentNow()
    expect(stored.monotonic).toBeLessThanOrEqual(exact)
    expect(elapsedMs(stored, now())).toBeGreaterThanOrEqual(0)
  }
})

function unstartedListener() {
  return createInvalidationListener({
    url: 'postgresql://unused@localhost:1/unused',
    database: { asIdentity: () => Promise.reject(new Error('never asked')) },
    onError: () => {},
  })
}
