import { expect, test } from 'vitest'
import { withClient } from '../../src/db/connect/with_client.ts'
import { planFaults } from '../../src/testing/sweeps/plans.ts'
import { inFilledWorld } from '../../src/testing/sweeps/world/filled_database.ts'
import { app } from '../fixtures/app/app.ts'

test('the plans sweep finds a missing index, and one that does not lead with the tenant', async () => {
  await inFilledWorld(app, {}, { tenants: 50, rows: 200 }, async (filled) => {
    const { world, urls } = filled
    const routes = world.routes.filter(
      (it) => it.path.startsWith('/api/projects') && it.method === 'GET',
    )
    const faults = () => planFaults({ ...filled, world: { ...world, routes } })
    const mutate = (statement: string) =>
      withClient(urls.owner, (client) => client.query(statement))
    expect(await faults()).toEqual([])
    await mutate('alter table projects drop constraint projects_pkey')
    await mutate('alter table projects drop constraint projects_name_unique')
    expect((await faults()).join('\n')).toContain(
      'GET /api/projects/:project_id: reads all of projects',
    )
    await mutate('create index projects_by_id on projects (id)')
    expect((await faults()).join('\n')).toContain(
      'GET /api/projects/:project_id: reads projects by projects_by_id, which leads with id',
    )
  })
}, 60_000)
