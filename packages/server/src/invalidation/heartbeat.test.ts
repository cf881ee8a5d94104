import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { elapsedMs, Heartbeat, momentNow, ReusableMoment } from './heartbeat.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

test('a beat waits until the last one is sent: on a slow way none grows old in a queue', async () => {
  const sending: (() => void)[] = []
  const notify = () => new Promise<void>((sent) => sending.push(sent))
  const beats = new Heartbeat(notify, () => {})
  beats.run().catch(() => {})
  await vi.advanceTimersByTimeAsync(2_000)
  expect(sending).toHaveLength(1)
  sending[0]?.()
  await vi.advanceTimersByTimeAsync(300)
  expect(sending).toHaveLength(2)
  beats.stop()
})

test('of two clocks the one that says more is believed: a paused machine, a clock set back (SESS-6)', () => {
  const clocks = new ReusableMoment()
  const then = momentNow()
  // Fake timers move both by as much.
  vi.advanceTimersByTime(400)
  const slept = Date.now() + 60_000
  vi.setSystemTime(slept)
  expect(elapsedMs(then, clocks.read())).toBeGreaterThanOrEqual(60_400)
  vi.setSystemTime(slept - 3_600_000)
  expect(elapsedMs(then, clocks.read())).toBeGreaterThanOrEqual(400)
})

test('what is kept of a moment never seems younger than it is', () => {
  const clocks = new ReusableMoment()
  for (const ms of [0.25, 0.5, 0.9]) {
    vi.advanceTimersByTime(ms)
    const exact = performance.now()
    const kept = momentNow()
    expect(kept.monotonic).toBeLessThanOrEqual(exact)
    expect(elapsedMs(kept, clocks.read())).toBeGreaterThanOrEqual(0)
  }
})
