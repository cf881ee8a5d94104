import { afterAll, beforeAll, expect, test } from 'vitest'
import { inputFaults } from '../../src/testing/sweeps/inputs/canaries.ts'
import { createWorld, nameOf, type World } from '../../src/testing/sweeps/world/world.ts'
import { app } from '../fixtures/app/app.ts'
import { inputMutants } from './input_mutants.ts'

const mutants = Object.entries(inputMutants).map(([what, it]) => ({ what, ...it }))

let world: World
beforeAll(async () => {
  const routes = [...app.routes, ...mutants.map((it) => it.route)]
  world = await createWorld({ ...app, routes }, { settings: { METRICS_PORT: '0' } })
})
afterAll(() => world.close())

test.each(mutants)('the sweep of inputs finds a route that $what', async ({ route, fault }) => {
  const faults = await inputFaults({ ...world, routes: [route] })
  expect(faults.join('\n')).toContain(`${nameOf(route)}: ${fault}`)
})

test('the sweep of inputs finds nothing in an app without faults', async () => {
  const faulty = new Set(mutants.map((it) => it.route))
  const routes = world.routes.filter((it) => !faulty.has(it))
  expect(await inputFaults({ ...world, routes })).toEqual([])
})
