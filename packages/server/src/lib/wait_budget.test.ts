import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { Patience, within } from './wait_budget.ts'

test('what one wait used up the next has no more, however it ended', async () => {
  const patience = new Patience(10_000)
  await patience.spend(() => sleep(20))
  const once = patience.leftMs
  expect(once).toBeLessThanOrEqual(9_981)
  await expect(
    patience.spend(async () => {
      await sleep(20)
      throw new Error('no')
    }),
  ).rejects.toThrow('no')
  expect(patience.leftMs).toBeLessThanOrEqual(once - 19)
})

test('time between waits takes nothing off', async () => {
  const patience = new Patience(10_000)
  await sleep(20)
  expect(patience.leftMs).toBe(10_000)
})

test('whoever got a turn at the last moment has a tenth to use it', async () => {
  const patience = new Patience(50)
  await patience.spend(() => sleep(80))
  expect(patience.leftMs).toBe(5)
})

test('work that is not done in time is a 503, and an answer in time is the answer', async () => {
  await expect(within(5, sleep(60_000, 'late', { ref: false }))).rejects.toMatchObject({
    kind: 'unavailable',
    code: 'database.unavailable',
  })
  expect(await within(60_000, sleep(1, 'soon'))).toBe('soon')
})
