import { afterAll, beforeAll, expect, test } from 'vitest'
import { databaseFaults } from './database_faults.ts'
import { expectHarmless, underLoad } from './fault.ts'
import type { Target } from './load.ts'
import { restartInTurn } from './server_faults.ts'
import { openStage, type Stage } from './stage.ts'

// The quick ones of `npm run test:faults`, in every run.
const quick = databaseFaults.filter(({ name }) =>
  /^(backends terminated|postmaster killed|listener cut|read-only)/.test(name),
)

// Beside every other test: enough to hit each fault, and no more.
const PER_SECOND = 20

let stage: Stage
let target: Target
beforeAll(async () => {
  stage = await openStage()
  const node = await stage.startNode()
  target = { port: () => node.port, ...(await stage.signIn(node)), perSecond: PER_SECOND }
}, 180_000)
afterAll(() => stage.close(), 60_000)

test('the quick faults are four', () => expect(quick).toHaveLength(4))

test.each(quick)(
  'under load, $name: no acknowledged write is lost, and it ends',
  {
    timeout: 180_000,
  },
  async ({ name, hurts, happen }) => {
    const outcome = await underLoad(name, stage.cluster, target, () => happen(stage))
    expectHarmless(outcome)
    if (hurts) expect(outcome.load.failures()).not.toEqual([])
  },
)

test('a write that is gone would be noticed', { timeout: 180_000 }, async () => {
  const lose = () => stage.cluster.asAdmin((client) => client.query('delete from projects'))
  const outcome = await underLoad('rows deleted behind our back', stage.cluster, target, lose)
  expect(outcome.lost).toBeGreaterThan(0)
  expect(() => expectHarmless(outcome)).toThrow()
})

test('under load, a rolling restart fails no request (OPS-1)', { timeout: 180_000 }, async () => {
  const outcome = await restartInTurn(stage, {
    name: 'rolling restart, once, behind a balancer that tries the other server once',
    balancer: { retries: true },
    rounds: 1,
    perSecond: PER_SECOND,
  })
  expectHarmless(outcome)
  expect(outcome.load.failures()).toEqual([])
})
