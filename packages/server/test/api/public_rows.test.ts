import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { newId } from '../../src/index.ts'
import { auditFaults } from '../../src/testing/sweeps/audit.ts'
import { isolationFaults } from '../../src/testing/sweeps/isolation.ts'
import { publicReplyFaults, publicRowsTable } from '../../src/testing/sweeps/public_replies.ts'
import { createWorld, type World } from '../../src/testing/sweeps/world/world.ts'
import { app } from '../fixtures/app/app.ts'
import { get, post } from '../fixtures/app/policy.ts'
import { expectProblem } from '../fixtures/problem.ts'

const Names = z.object({ names: z.array(z.string()) })
const Name = z.strictObject({ name: z.string().min(1).max(200) })
const shared = { access: 'public', summary: 'A public route' } as const

const publicRoutes = {
  list: get('/api/public-projects', {
    ...shared,
    rows: 'the status page lists projects',
    query: z.object({ limit: z.coerce.number().int().min(1).max(100).default(50) }),
    reply: Names,
    handle: (ctx) =>
      ctx.inTenant(async (db) => {
        const rows = await db.selectFrom('projects').select('name').execute()
        return { names: rows.map((it) => it.name) }
      }),
  }),
  propose: post('/api/proposals', {
    ...shared,
    rows: 'visitors propose projects',
    audit: 'projects.propose',
    body: Name,
    handle: (ctx, { body: { name } }) =>
      ctx.inTenant(async (db) => {
        const id = newId()
        await db.insertInto('projects').values({ id, name }).execute()
        ctx.audit({ entity_id: id })
      }),
  }),
  writesOnGet: get('/api/public-writes', {
    ...shared,
    rows: 'tries to write',
    handle: (ctx) =>
      ctx.inTenant(async (db) => {
        await db.insertInto('projects').values({ id: newId(), name: 'written on GET' }).execute()
      }),
  }),
  opensTwice: post('/api/halves', {
    ...shared,
    rows: 'tries two transactions',
    audit: 'projects.halves',
    async handle(ctx) {
      await ctx.inTenant(async () => {})
      await ctx.inTenant(async () => {})
    },
  }),
}

let world: World
beforeAll(async () => {
  world = await createWorld(
    { ...app, routes: [...app.routes, publicRoutes.list, publicRoutes.propose] },
    { bodies: { 'POST /api/proposals': () => ({ name: `proposed ${newId()}` }) } },
  )
})
afterAll(() => world.close())

const swept = (): World => ({ ...world, routes: [publicRoutes.list, publicRoutes.propose] })

describe('a public route that declares rows', () => {
  test("reads its tenant's rows and no others (RLS-4)", async () => {
    const { a, b } = world
    const create = (it: World['a'], name: string) =>
      it.tenant.send({ method: 'POST', path: '/api/projects', body: { name }, user: it.admin })
    await create(a, 'only in a')
    await create(b, 'only in b')
    const { json } = await a.tenant.send({ path: '/api/public-projects' })
    expect(json.names).toContain('only in a')
    expect(json.names).not.toContain('only in b')
  })

  test('writes its audit row, without an actor, in the same transaction (AUD-1)', async () => {
    const { tenant, admin } = world.a
    const name = `proposed ${newId()}`
    const reply = await tenant.send({ method: 'POST', path: '/api/proposals', body: { name } })
    expect(reply.status).toBe(204)
    const { json } = await tenant.send({ path: '/api/audit-logs?limit=1', user: admin })
    expect(json.items[0]).toMatchObject({
      action: 'projects.propose',
      entity: 'proposals',
      actor_id: null,
      request_id: reply.headers['x-request-id'],
    })
    const again = await tenant.send({ method: 'POST', path: '/api/proposals', body: { name } })
    expectProblem(again, 409)
    const after = await tenant.send({ path: '/api/audit-logs?limit=1', user: admin })
    expect(after.json.items[0].request_id).toBe(reply.headers['x-request-id'])
  })

  test('passes the sweeps, and is listed with its reason and the rows that it shows', async () => {
    expect(await isolationFaults(swept())).toEqual([])
    expect(await auditFaults(swept())).toEqual([])
    expect(await publicReplyFaults(swept())).toEqual([])
    expect((await publicRowsTable(swept())).join('\n')).toContain(
      '| GET /api/public-projects | the status page lists projects | projects |',
    )
  })
})

test.each([
  { route: publicRoutes.writesOnGet, words: 'a GET can only read' },
  { route: publicRoutes.opensTwice, words: 'may be called once' },
])('$route.path is answered 500, and the log says why', async ({ route, words }) => {
  const faulty = await createWorld({ ...app, routes: [...app.routes, route] })
  const { method, path } = route
  const reply = await faulty.a.tenant.send({ method, path })
  expectProblem(reply, 500)
  expect(faulty.api.logLines.join('')).toContain(words)
  await faulty.close()
})
