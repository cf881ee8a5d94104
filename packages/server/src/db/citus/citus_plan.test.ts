import { expect, test } from 'vitest'
import { asAdmin, asRole } from '../../../test/fixtures/databases.ts'
import { newId } from '../../lib/ids.ts'
import { citusFaults } from './citus_faults.ts'
import { citusPlan } from './citus_plan.ts'
import { type CitusState, type DataTable, FIRST, readCitusState } from './citus_state.ts'

// Without Citus. With it: test/citus.

const table = (name: string, more: Partial<DataTable> = {}): DataTable => ({
  ...{ name, kind: 'local', column: null, group: null, localBytes: 8192, dropped: [], parents: [] },
  ...{
    wrongKeys: [],
    lateKeys: [],
    triggers: [],
    policies: [],
    restrictive: [],
    columnGrants: false,
    forced: true,
  },
  ...more,
})

const ready: CitusState = {
  ...{
    isSuperuser: true,
    version: '13.2-1',
    database: 'app',
    walLevel: 'logical',
    hasSchema: true,
  },
  coordinatorKnown: true,
  workers: [{ name: 'w1:5432', version: '13.2-1', walLevel: 'logical', error: null }],
  ...{ unreachable: [], referrers: [], unrecorded: [], missingOptions: [] },
  ...{ twoPhases: 'known', onePhase: [] },
  tables: [
    table('public.tasks', { parents: ['public.projects'] }),
    table('public.projects'),
    table(FIRST, { triggers: ['retain_log'], columnGrants: true }),
  ],
}

test('a server without Citus, and a role that is no superuser, are refused', async () => {
  expect(citusFaults(await asAdmin(readCitusState))).toEqual([
    expect.stringContaining('has no extension citus'),
  ])
  expect(citusFaults(await asRole('owner', readCitusState))).toEqual([
    expect.stringContaining('does not name a superuser'),
  ])
})

test('the log is distributed first, and a table after those that it refers to', () => {
  expect(citusFaults(ready)).toEqual([])
  const order = citusPlan(ready).distribution.flatMap(
    ({ sql }) => /^select create_distributed_table\('(\S+)'/.exec(sql)?.[1] ?? [],
  )
  expect(order).toEqual([FIRST, 'public.projects', 'public.tasks'])
})

test('a restored table of the two phases is made known to Citus again, and not created', () => {
  const steps = citusPlan({ ...ready, twoPhases: 'plain', onePhase: ['tenantry.roles'] }).phases
  expect(steps.map(({ sql }) => sql)).toEqual([
    expect.stringContaining('citus_add_local_table_to_metadata'),
    expect.stringMatching(/^create or replace trigger use_two_phases .* on tenantry.roles /),
  ])
})

test('each thing in the way is one line', () => {
  const worker = { name: 'w2:5432', version: '', walLevel: 'replica', error: null }
  const silent = { name: 'w3:5432', version: null, walLevel: null, error: 'refused' }
  expect(citusFaults({ ...ready, coordinatorKnown: false, workers: [worker, silent] })).toEqual([
    expect.stringContaining('citus_set_coordinator_host'),
    expect.stringContaining('wal_level of worker w2:5432 is replica'),
    expect.stringContaining('worker w2:5432 has no extension citus'),
    expect.stringContaining('worker w3:5432 does not answer'),
  ])
  const distributed = { kind: 'distributed', column: 'tenant_id', group: 1, localBytes: 0 } as const
  const tables = [
    table(FIRST, distributed),
    table('public.a', { ...distributed, group: 2 }),
    table('public.b', { ...distributed, localBytes: 8192 }),
    table('public.c', { kind: 'other' }),
  ]
  expect(citusFaults({ ...ready, tables })).toEqual([
    expect.stringContaining('public.a was distributed by hand, by tenant_id and not together'),
    expect.stringContaining('public.b was distributed by hand, and 8192 bytes'),
    expect.stringContaining("undistribute_table('public.c')"),
  ])
})

test('with the option of Citus the tenant is set by SET LOCAL, for one transaction', async () => {
  const tenant = newId()
  await asRole('app', async (client) => {
    const current = async () =>
      (await client.query("select current_setting('app.tenant_id', true) as it")).rows[0].it
    await client.query("set citus.propagate_set_commands = 'local'")
    await client.query('begin')
    await client.query('select tenantry.set_tenant($1)', [tenant])
    expect(await current()).toBe(tenant)
    await expect(client.query('select tenantry.set_tenant($1)', [newId()])).rejects.toThrow(
      'already has another tenant',
    )
    await client.query('rollback')
    await client.query('begin')
    await client.query('select tenantry.set_tenant($1)', [tenant])
    await client.query('select tenantry.visit_tenant($1)', [newId()])
    await client.query("select tenantry.visit_tenant('')")
    expect(await current()).toBe('')
    await client.query('commit')
    expect(await current()).toBe('')
  })
})
