import { afterAll, beforeAll, expect, test } from 'vitest'
import { databaseFaults, diskFull, onTinyDisk } from './database_faults.ts'
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

test.each(databaseFaults)('$name', async ({ name, hurts, happen }) => {
  const outcome = await underLoad(name, stage.cluster, target, () => happen(stage))
  expectHarmless(outcome)
  if (hurts) expect(outcome.load.failures()).not.toEqual([])
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
