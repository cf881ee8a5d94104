import { stdTimeFunctions } from 'pino'
import { afterEach, expect, test, vi } from 'vitest'
import { createTimestamp } from './timestamp.ts'

afterEach(() => void vi.useRealTimers())

test('a log line says when it was written, to the millisecond', () => {
  const timestamp = createTimestamp()
  vi.useFakeTimers()
  const second = Date.UTC(2031, 11, 31, 23, 59, 59)
  for (const ms of [0, 7, 7, 42, 999, 1_000, 1_001, -1, 86_400_000]) {
    vi.setSystemTime(second + ms)
    expect(timestamp()).toBe(stdTimeFunctions.isoTime())
  }
})
