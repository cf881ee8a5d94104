import { afterAll, beforeAll, expect, test } from 'vitest'
import { databaseFaults } from './database_faults.ts'
import { expectHarmless, type Outcome, underLoad } from './fault.ts'
import type { Target } from './load.ts'
import { restartInTurn } from './server_faults.ts'
import { openStage, type Stage } from './stage.ts'

// The quick faults of `npm run test:faults`, in every test run.
const quick = databaseFaults.filter(({ name }) =>
  /^(backends terminated|postmaster killed|listener cut|read-only)/.test(name),
)

// Other tests run concurrently: this rate is enough to notice each fault.
const PER_SECOND = 20

let stage: Stage
let target: Target
beforeAll(async () => {
  stage = await openStage()
  const node = await stage.startNode()
  target = { port: () => node.port, ...(await stage.signIn(node)), perSecond: PER_SECOND }
}, 180_000)
afterAll(() => stage.close(), 60_000)

test('there are four quick faults', () => expect(quick).toHaveLength(4))

test.each(quick)(
  'under load, $name: no acknowledged write is lost, and requests succeed again',
  {
    timeout: 180_000,
  },
  async ({ name, causesFailures, happen }) => {
    const outcome = await underLoad(name, stage.cluster, target, () => happen(stage))
    expectHarmless(outcome)
    if (causesFailures) expect(outcome.load.failures()).not.toEqual([])
  },
)

test('self-test: a lost write is noticed', { timeout: 180_000 }, async () => {
  const deleteRows = () => stage.cluster.asAdmin((client) => client.query('delete from projects'))
  const noticed = (name: string, { lost }: Outcome) =>
    `fault: ${name}: ${lost > 0 ? 'passed' : 'failed'}`
  const name = 'self-test, notices rows that the test itself deleted'
  const outcome = await underLoad(name, stage.cluster, target, deleteRows, noticed)
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
