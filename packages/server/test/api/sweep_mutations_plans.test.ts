import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { defineApp } from '../../src/app/define_app.ts'
import { withClient } from '../../src/db/connect/with_client.ts'
import { planFaults } from '../../src/testing/sweeps/plans.ts'
import { inFilledWorld } from '../../src/testing/sweeps/world/filled_database.ts'
import { app } from '../fixtures/app/app.ts'
import { get } from '../fixtures/app/policy.ts'

// Row-level security adds the tenant in the form that Citus cannot route by.
const rawProjects = get('/api/raw-projects', {
  summary: 'Count projects',
  access: 'projects:read',
  reply: z.object({ count: z.number() }),
  async handle({ db }) {
    const { rows } = await sql<{ count: number }>`
      select count(*)::int as count from projects`.execute(db)
    return { count: rows[0]?.count ?? 0 }
  },
})

test('the plans sweep finds a missing index, one that does not lead with the tenant, and raw SQL without it', async () => {
  const withRaw = defineApp({ ...app, routes: [...app.routes, rawProjects] })
  await inFilledWorld(withRaw, {}, { tenants: 50, rows: 200 }, async (filled) => {
    const { world, urls } = filled
    const routes = world.routes.filter(
      (it) => it.path.startsWith('/api/projects') && it.method === 'GET',
    )
    const faults = () => planFaults({ ...filled, world: { ...world, routes } })
    const mutate = (statement: string) =>
      withClient(urls.owner, (client) => client.query(statement))
    expect(await faults()).toEqual([])
    const raw = world.routes.filter((it) => it.path === '/api/raw-projects')
    expect(await planFaults({ ...filled, world: { ...world, routes: raw } })).toEqual([
      expect.stringContaining(
        'GET /api/raw-projects: reads projects in raw SQL that does not name the tenant',
      ),
    ])
    await mutate('alter table projects drop constraint projects_pkey')
    await mutate('alter table projects drop constraint projects_name_unique')
    await mutate(`drop index projects_by_name, projects_by_time, projects_by_time_and_id,
      projects_by_due_date, projects_by_due_date_and_name`)
    expect((await faults()).join('\n')).toContain(
      'GET /api/projects/:project_id: reads all of projects',
    )
    await mutate('create index projects_by_id on projects (id)')
    expect((await faults()).join('\n')).toContain(
      'GET /api/projects/:project_id: reads projects by projects_by_id, which leads with id',
    )
  })
}, 60_000)
