import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import type { TenantContext } from '../../src/index.ts'
import { raceFaults } from '../../src/testing/sweeps/races.ts'
import { createWorld, type World } from '../../src/testing/sweeps/world/world.ts'
import { app } from '../fixtures/app/app.ts'
import type { Database } from '../fixtures/app/database.ts'
import { get, patch } from '../fixtures/app/policy.ts'

const Path = z.object({ project_id: z.uuid() })
const Project = z.object({ name: z.string(), description: z.string() })
const Changes = z.strictObject({
  name: z.string().min(1).max(200).optional(),
  description: z.string().max(2000).optional(),
})
type Changed = z.output<typeof Changes>
type Handle = (ctx: TenantContext<Database>, id: string, body: Changed) => Promise<unknown>

const columns = ['name', 'description'] as const
const find = ({ db }: TenantContext<Database>, id: string) =>
  db.selectFrom('projects').select(columns).where('id', '=', id)
const write = ({ db }: TenantContext<Database>, id: string, row: Changed) =>
  db.updateTable('projects').set(row).where('id', '=', id).execute()

// A route that changes a project in the given way, and the one that reads it.
function changing(word: string, handle: Handle) {
  const path = `/api/m/${word}/:project_id` as const
  return [
    get(path, {
      access: 'projects:read',
      summary: 'A mutant',
      params: Path,
      reply: Project,
      handle: (ctx, { params }) => find(ctx, params.project_id).executeTakeFirstOrThrow(),
    }),
    patch(path, {
      access: 'projects:update',
      summary: 'A mutant',
      params: Path,
      body: Changes,
      reply: Project,
      handle: async (ctx, { params, body }) => {
        await handle(ctx, params.project_id, body)
        return find(ctx, params.project_id).executeTakeFirstOrThrow()
      },
    }),
  ]
}

const unlocked = changing('unlocked', async (ctx, id, body) => {
  ctx.requireMatch(await find(ctx, id).executeTakeFirstOrThrow())
  await write(ctx, id, body)
})
const merging = changing('merging', async (ctx, id, body) => {
  const row = await find(ctx, id).executeTakeFirstOrThrow()
  await write(ctx, id, { ...row, ...body })
})
const ignoring = changing('ignoring', async (ctx, id, body) => {
  try {
    ctx.requireMatch({})
  } catch {}
  await write(ctx, id, body)
})
const locked = changing('locked', async (ctx, id, body) => {
  ctx.requireMatch(await find(ctx, id).forUpdate().executeTakeFirstOrThrow())
  await write(ctx, id, body)
})

let world: World
beforeAll(async () => {
  const routes = [...app.routes, ...unlocked, ...merging, ...ignoring, ...locked]
  world = await createWorld({ ...app, routes })
  const project = world.a.ids.get('/api/projects') ?? ''
  for (const word of ['unlocked', 'merging', 'ignoring', 'locked']) {
    world.a.ids.set(`/api/m/${word}`, project)
  }
})
afterAll(() => world.close())

test.each([
  {
    what: 'compares If-Match with a row that it does not lock',
    routes: unlocked,
    fault:
      'two changes with the same If-Match answer 200 and 200, one must be 412; read the row that is about to change with .forUpdate()',
  },
  {
    what: 'writes back what it read without a lock',
    routes: merging,
    fault: 'is lost; read the row that is about to change with .forUpdate()',
  },
  {
    what: 'ignores If-Match',
    routes: ignoring,
    fault: 'a stale If-Match answers 200; call ctx.requireMatch',
  },
])('the sweep of races finds a route that $what', async ({ routes, fault }) => {
  const faults = await raceFaults({ ...world, routes })
  expect(faults.join('\n')).toContain(fault)
})

test('the sweep of races finds nothing in routes that lock', async () => {
  const routes = world.routes.filter((it) => !/unlocked|merging|ignoring/.test(it.path))
  expect(await raceFaults({ ...world, routes })).toEqual([])
})
