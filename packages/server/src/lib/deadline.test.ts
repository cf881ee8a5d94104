import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { Deadline, rejectAfter } from './deadline.ts'

test('time spent in one wait is deducted from the next, even if the wait failed', async () => {
  const deadline = new Deadline(10_000)
  await deadline.wait(() => sleep(20))
  const afterFirst = deadline.remainingMs
  expect(afterFirst).toBeLessThanOrEqual(9_981)
  await expect(
    deadline.wait(async () => {
      await sleep(20)
      throw new Error('no')
    }),
  ).rejects.toThrow('no')
  expect(deadline.remainingMs).toBeLessThanOrEqual(afterFirst - 19)
})

test('time between waits is not deducted', async () => {
  const deadline = new Deadline(10_000)
  await sleep(20)
  expect(deadline.remainingMs).toBe(10_000)
})

test('a tenth of the time remains even after it was used up', async () => {
  const deadline = new Deadline(50)
  await deadline.wait(() => sleep(80))
  expect(deadline.remainingMs).toBe(5)
})

test('work that takes too long is a 503, and work that finishes in time gives its result', async () => {
  await expect(rejectAfter(5, sleep(60_000, 'late', { ref: false }))).rejects.toMatchObject({
    kind: 'unavailable',
    code: 'database.unavailable',
  })
  expect(await rejectAfter(60_000, sleep(1, 'soon'))).toBe('soon')
})
