import { randomInt } from 'node:crypto'
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { inputFaults } from '../../src/testing/sweeps/inputs/canaries.ts'
import { isolationFaults } from '../../src/testing/sweeps/isolation.ts'
import { raceFaults } from '../../src/testing/sweeps/races.ts'
import { createWorld, type World } from '../../src/testing/sweeps/world/world.ts'
import { app } from '../fixtures/app/app.ts'
import { get, patch } from '../fixtures/app/policy.ts'

const coded = get('/api/u/coded', {
  access: 'projects:read',
  summary: 'A route with inputs that accept no generated text',
  query: z.object({
    code: z
      .string()
      .regex(/^[A-Z]{3}-\d{9}$/)
      .optional(),
    state: z.enum(['open', 'closed']).optional(),
    year: z.coerce.number().int().optional(),
  }),
  handle: async ({ db }, { query }) => {
    await sql`select ${sql.raw(`'${query.code ?? ''}'`)}`.execute(db)
  },
})
const blind = patch('/api/u/blind', {
  access: 'projects:update',
  summary: 'A change that no route shows',
  body: z.strictObject({
    count: z.int().optional(),
    one: z.string().optional(),
    two: z.string().optional(),
  }),
  handle: () => {},
})

let world: World
beforeAll(async () => {
  world = await createWorld({ ...app, routes: [...app.routes, coded, blind] })
})
afterAll(() => world.close())

const only = (...routes: World['routes']): World => ({ ...world, routes, unjudged: new Set() })

test('the sweeps name each input that they cannot attack, and what they need', async () => {
  const judged = only(coded, blind)
  expect(await isolationFaults(judged)).toEqual([])
  expect([...judged.unjudged].sort()).toEqual([
    "GET /api/u/coded: ?code= is not attacked; give a text that its schema accepts: texts: { 'GET /api/u/coded ?code=': () => … }",
    'GET /api/u/coded: ?year= is not attacked; it is a number, of which the sweeps know none that only another tenant has',
    'PATCH /api/u/blind: body /count is not attacked; it is a number, of which the sweeps know none that only another tenant has',
  ])
})

test('with a text that the app gives, the input is judged', async () => {
  const digits = () => String(randomInt(1e8, 1e9))
  const texts = { 'GET /api/u/coded ?code=': () => `ABC-${digits()}` }
  const given = { ...only(coded), options: { texts } }
  expect((await inputFaults(given)).join('\n')).toContain('?code= is in the text of a statement')
  await isolationFaults(given)
  expect([...given.unjudged].join('\n')).not.toContain('?code=')
})

test('the sweep of races names a change whose result no route shows', async () => {
  const judged = only(blind)
  expect(await raceFaults(judged)).toEqual([])
  expect([...judged.unjudged]).toEqual([
    'PATCH /api/u/blind: whether a change is lost; that needs a GET on the same path',
  ])
})
