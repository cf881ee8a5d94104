import { afterAll, beforeAll, expect, test } from 'vitest'
import { databaseFaults, delay, diskFull, onTinyDisk } from './database_faults.ts'
import { expectHarmless, underLoad } from './fault.ts'
import type { Target } from './load.ts'
import { openStage, type Stage } from './stage.ts'

let stage: Stage
let target: Target
beforeAll(async () => {
  stage = await openStage()
  const node = await stage.startNode()
  target = { port: () => node.port, ...(await stage.signIn(node)) }
}, 120_000)
afterAll(() => stage.close(), 60_000)

test.each(databaseFaults)('$name', async ({ name, causesFailures, happen }) => {
  const outcome = await underLoad(name, stage.cluster, target, () => happen(stage))
  expectHarmless(outcome)
  if (causesFailures) expect(outcome.load.failures()).not.toEqual([])
})

test('database 200 ms away, REQUEST_WAIT_MS of ten round trips or more: no request fails', async () => {
  const node = await stage.startNode({ REQUEST_WAIT_MS: '8000' })
  const distant = { port: () => node.port, ...(await stage.signIn(node)), perSecond: 4 }
  const name = 'database 200 ms away for 8 s, REQUEST_WAIT_MS=8000, 4 requests a second'
  const outcome = await underLoad(name, stage.cluster, distant, () => delay(stage, 8_000))
  node.command.process.kill('SIGTERM')
  await node.command.finished
  expectHarmless(outcome)
  expect(outcome.load.failures()).toEqual([])
})

test(diskFull.name, async ({ skip }) => {
  if (process.getuid?.() !== 0) skip('only root may mount a small disk')
  const { name, happen } = diskFull
  const outcome = await onTinyDisk(stage.cluster, () =>
    underLoad(name, stage.cluster, target, () => happen(stage)),
  )
  expectHarmless(outcome)
  expect(outcome.load.failures().length).toBeGreaterThan(0)
})
