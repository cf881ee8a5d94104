import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Beats } from './beats.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

test('a beat waits until the last one is sent: on a slow way none grows old in a queue', async () => {
  const sending: (() => void)[] = []
  const notify = () => new Promise<void>((sent) => sending.push(sent))
  const beats = new Beats(notify, () => {})
  beats.keepOn().catch(() => {})
  await vi.advanceTimersByTimeAsync(2_000)
  expect(sending).toHaveLength(1)
  sending[0]?.()
  await vi.advanceTimersByTimeAsync(300)
  expect(sending).toHaveLength(2)
  beats.stop()
})
