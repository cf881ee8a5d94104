import * as fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { changedTables, fingerprintOf } from '../../src/testing/sweeps/world/rows.ts'
import { createWorld, type World } from '../../src/testing/sweeps/world/world.ts'
import { app } from '../fixtures/app/app.ts'
import { post } from '../fixtures/app/policy.ts'
import { newSeed } from '../fixtures/random.ts'
import { fuzzJudge, fuzzRequests, sendFuzz } from './fuzz_requests.ts'

// `npm run fuzz` runs longer; FUZZ_SECONDS and FUZZ_SEED override both.
const defaultSeconds = process.env['npm_lifecycle_event'] === 'fuzz' ? 120 : 8
const seconds = Number(process.env['FUZZ_SECONDS'] ?? defaultSeconds)
const seed = Number(process.env['FUZZ_SEED'] ?? newSeed()) | 0

const fragile = post('/api/fragile', {
  access: 'projects:create',
  summary: 'Fails on an unexpected amount',
  body: z.strictObject({ amount: z.int().min(-1000).max(1000) }),
  handle(_, { body }) {
    if (body.amount < 0) throw new Error('negative')
  },
})

let world: World
beforeAll(async () => {
  world = await createWorld({ ...app, routes: [...app.routes, fragile] })
})
afterAll(() => world.close())

function fuzz(target: World, milliseconds: number): Promise<void> {
  const judge = fuzzJudge(target)
  const property = fc.asyncProperty(fuzzRequests(target), async (request) => {
    expect(judge(request, await sendFuzz(target, request))).toEqual([])
  })
  // On failure fast-check prints the seed and the smallest request that still fails.
  return fc.assert(property, {
    seed,
    numRuns: 1_000_000_000,
    interruptAfterTimeLimit: milliseconds,
    markInterruptAsFailure: false,
  })
}

test(
  `${seconds} s of random requests: no 5xx, replies as described, bad input rejected (API-2)`,
  async () => {
    // A person's own name is repeated in every tenant of theirs, on purpose.
    const routes = world.routes.filter((it) => it.path !== fragile.path && !it.person)
    await world.api.running.settle()
    const before = await fingerprintOf(world.b.tenant.id)
    await fuzz({ ...world, routes }, seconds * 1_000)
    await world.api.running.settle()
    const after = await fingerprintOf(world.b.tenant.id)
    expect(changedTables(before, after), `seed ${seed}`).toEqual([])
  },
  seconds * 1_000 + 60_000,
)

test('the fuzzer finds a route that fails on some input', async () => {
  const broken = { ...world, routes: world.routes.filter((it) => it.path === fragile.path) }
  await expect(fuzz(broken, 10_000)).rejects.toThrow(
    /seed: [\s\S]*\/api\/fragile[\s\S]*"amount":-1\D/,
  )
}, 60_000)
