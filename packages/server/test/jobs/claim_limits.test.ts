import { afterAll, beforeAll, expect, test } from 'vitest'
import { NIL_ID, newId } from '../../src/lib/ids.ts'
import { startTestApp, type TestApp, type TestTenant } from '../../src/testing.ts'
import { app } from '../fixtures/app/app.ts'
import { asRole } from '../fixtures/databases.ts'

let api: TestApp
let tenant: TestTenant
beforeAll(async () => {
  api = await startTestApp(app, { WORKER: 'off' })
  tenant = await api.makeTenant()
})
afterAll(() => api.close())

// Statistics that are out of date can make the planner choose it: it reads the inner side of a join again for
// each row of the outer one.
const NESTED_LOOPS = `
  set enable_hashjoin = off; set enable_mergejoin = off; set enable_material = off; set enable_memoize = off;
  set enable_indexscan = off; set enable_indexonlyscan = off; set enable_bitmapscan = off`

test('a worker takes no more jobs of a tenant than its share, whichever plan PostgreSQL chooses (JOB-3)', async () => {
  await asRole('platform', (client) =>
    client.query(
      `insert into tenantry.jobs (tenant_id, id, kind)
       select $1, tenantry.new_id(), 'tests.many' from generate_series(1, 50)`,
      [tenant.id],
    ),
  )
  const taken = await asRole('jobs', async (client) => {
    await client.query(`begin; ${NESTED_LOOPS}`)
    const { rows } = await client.query(
      `select * from tenantry.claim_jobs('00000000-0000-0000-0000-000000000000', 10, 4, '{}', '{}', $1, 25, $2)`,
      [newId(), [tenant.id]],
    )
    await client.query('rollback')
    return rows
  })
  expect(taken).toHaveLength(4)
})

test('held jobs of tenants that are active become ready, those of a page of tenants in each call', async () => {
  const tenants = [tenant, await api.makeTenant(), await api.makeTenant()].map((it) => it.id)
  await asRole('platform', (client) =>
    client.query(
      `insert into tenantry.jobs (tenant_id, id, kind, state)
       select it, tenantry.new_id(), 'tests.held', 'held' from unnest($1::uuid[]) it`,
      [tenants],
    ),
  )
  const ready = await asRole('jobs', async (client) => {
    const counts: number[] = []
    await client.query('begin')
    for (let after = NIL_ID; counts.length === 0 || after !== NIL_ID; ) {
      const promoted = await client.query('select * from tenantry.promote_jobs(1000, 5, $1, 1)', [
        after,
      ])
      after = promoted.rows[0].held_until
      const { rows } = await client.query(
        `select count(*)::int from tenantry.jobs
         where kind = 'tests.held' and state = 'ready' and tenant_id = any ($1)`,
        [tenants],
      )
      counts.push(rows[0].count)
    }
    await client.query('rollback')
    return counts
  })
  const added = ready.map((it, at) => it - (ready[at - 1] ?? 0))
  expect(added.filter((it) => it > 0)).toEqual([1, 1, 1])
})
