import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { Deadline, rejectAfter } from './deadline.ts'

test('what one wait used up the next has no more, however it ended', async () => {
  const deadline = new Deadline(10_000)
  await deadline.wait(() => sleep(20))
  const once = deadline.remainingMs
  expect(once).toBeLessThanOrEqual(9_981)
  await expect(
    deadline.wait(async () => {
      await sleep(20)
      throw new Error('no')
    }),
  ).rejects.toThrow('no')
  expect(deadline.remainingMs).toBeLessThanOrEqual(once - 19)
})

test('time between waits takes nothing off', async () => {
  const deadline = new Deadline(10_000)
  await sleep(20)
  expect(deadline.remainingMs).toBe(10_000)
})

test('whoever got a turn at the last moment has a tenth to use it', async () => {
  const deadline = new Deadline(50)
  await deadline.wait(() => sleep(80))
  expect(deadline.remainingMs).toBe(5)
})

test('work that is not done in time is a 503, and an answer in time is the answer', async () => {
  await expect(rejectAfter(5, sleep(60_000, 'late', { ref: false }))).rejects.toMatchObject({
    kind: 'unavailable',
    code: 'database.unavailable',
  })
  expect(await rejectAfter(60_000, sleep(1, 'soon'))).toBe('soon')
})
