import { afterAll, beforeAll, expect, test } from 'vitest'
import { newId } from '../../src/lib/ids.ts'
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
