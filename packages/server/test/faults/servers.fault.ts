import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { expectHarmless } from './fault.ts'
import { type RollingRestart, restartAlone, restartInTurn } from './server_faults.ts'
import { openStage, type Stage } from './stage.ts'

let stage: Stage
beforeAll(async () => {
  stage = await openStage()
}, 120_000)
afterAll(() => stage.close(), 60_000)

describe('a server alone', () => {
  test('that is killed (kill -9) loses no acknowledged write, and is itself again', async () => {
    const name = 'server killed (kill -9), four times'
    expectHarmless(await restartAlone(stage, { name, signal: 'SIGKILL', times: 4 }), [
      'refused',
      'cut',
    ])
  })

  // Whoever comes while nobody listens is refused; an idle connection closes as any may.
  test('that is told to end (SIGTERM) answers what it has begun (OPS-1)', async () => {
    const name = 'server told to end (SIGTERM), twice'
    expectHarmless(await restartAlone(stage, { name, signal: 'SIGTERM', times: 2 }), [
      'refused',
      'cut',
    ])
  })
})

describe('a rolling restart of two servers fails no request (OPS-1)', () => {
  test.each<RollingRestart>([
    {
      name: 'rolling restart, twice, behind a balancer that tries the other server once',
      balancer: { retries: true },
      rounds: 2,
    },
    {
      name: 'rolling restart, once, behind one that does not, with SHUTDOWN_DELAY_SECONDS',
      balancer: { retries: false },
      // Far above the tenth of a second in which the balancer asks, for machines that many share.
      settings: { SHUTDOWN_DELAY_SECONDS: '4' },
      rounds: 1,
    },
  ])('$name', async (rolling) => {
    const outcome = await restartInTurn(stage, rolling)
    expectHarmless(outcome)
    expect(outcome.load.failures()).toEqual([])
  })
})
