import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { expectHarmless } from './fault.ts'
import { type RollingRestart, restartAlone, restartInTurn } from './server_faults.ts'
import { openStage, type Stage } from './stage.ts'

let stage: Stage
beforeAll(async () => {
  stage = await openStage()
}, 120_000)
afterAll(() => stage.close(), 60_000)

describe('a single server', () => {
  test('that is killed (kill -9) loses no acknowledged write, and recovers', async () => {
    const name = 'server killed (kill -9), four times'
    expectHarmless(await restartAlone(stage, { name, signal: 'SIGKILL', times: 4 }), [
      'refused',
      'cut',
    ])
  })

  // While no server listens connections are refused, and an idle connection may be closed.
  test('that receives SIGTERM answers the requests it has begun (OPS-1)', async () => {
    const name = 'server ended (SIGTERM), twice'
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
      name: 'rolling restart, once, behind a balancer without retries, with SHUTDOWN_DELAY_SECONDS',
      balancer: { retries: false },
      // Far above the balancer's interval of 100 ms, for shared machines.
      settings: { SHUTDOWN_DELAY_SECONDS: '4' },
      rounds: 1,
    },
  ])('$name', async (rolling) => {
    const outcome = await restartInTurn(stage, rolling)
    expectHarmless(outcome)
    expect(outcome.load.failures()).toEqual([])
  })
})
