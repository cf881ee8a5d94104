import { afterAll, beforeAll, expect, test } from 'vitest'
import { isolationFaults } from '../../src/testing/sweeps/isolation.ts'
import { createWorld, nameOf, type World } from '../../src/testing/sweeps/world/world.ts'
import { app } from '../fixtures/app/app.ts'
import { foreignMutants, seenCursors } from './foreign_mutants.ts'

const mutants = Object.entries(foreignMutants).map(([what, it]) => ({ what, ...it }))

let world: World
beforeAll(async () => {
  const routes = [...app.routes, ...mutants.map((it) => it.route)]
  const created = await createWorld({ ...app, routes })
  const { b } = created
  const send: typeof b.tenant.send = async (request) => {
    const reply = await b.tenant.send(request)
    if (typeof reply.json?.next_cursor === 'string') seenCursors.add(reply.json.next_cursor)
    return reply
  }
  world = { ...created, b: { ...b, tenant: { ...b.tenant, send } } }
})
afterAll(() => world.close())

const lists = () => world.routes.filter((it) => it.path === '/api/members' && it.method === 'GET')

test.each(mutants)('the isolation sweep finds a route that $what', async ({ route, fault }) => {
  const faults = await isolationFaults({ ...world, routes: [route, ...lists()] })
  expect(faults.join('\n')).toContain(`${nameOf(route)}: ${fault}`)
})
