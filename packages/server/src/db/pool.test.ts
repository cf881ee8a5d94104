import { randomUUID } from 'node:crypto'
import { type Kysely, sql } from 'kysely'
import { expect, test } from 'vitest'
import { insertSample } from '../../test/database/sample_rows.ts'
import { asRole } from '../../test/fixtures/databases.ts'
import { openTestDatabase } from '../../test/fixtures/test_database.ts'
import { Deadline } from '../lib/deadline.ts'
import { acquire } from './connection.ts'
import { isoTimestamp } from './pool.ts'
import type { KernelTables } from './tables.ts'
import { backgroundScope } from './tenancy.ts'

const tenant = randomUUID()
const unavailable = { kind: 'unavailable', extras: { retryAfter: 1 } }

const pidOf = async (db: Kysely<KernelTables>) => {
  const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(db)
  return rows[0]?.pid ?? 0
}

async function activityOf(pid: number): Promise<string | undefined> {
  const { rows } = await asRole('app', (it) =>
    it.query<{ state: string }>('select state from pg_stat_activity where pid = $1', [pid]),
  )
  return rows[0]?.state
}

test('a full pool fails a caller after its wait, and serves again when a connection is free (POOL-4)', async () => {
  const { inTenant, pools, waitFor } = openTestDatabase({ waitMs: 30_000 })
  const held = await pools.app.connect()
  waitFor(200)
  const startedAt = performance.now()
  await expect(inTenant(backgroundScope(tenant), pidOf)).rejects.toMatchObject(unavailable)
  // Far below the 30 s of the pool; the margin is for a busy machine.
  expect(performance.now() - startedAt).toBeLessThan(10_000)
  waitFor(30_000)
  held.release()
  expect(await inTenant(backgroundScope(tenant), pidOf)).toBeGreaterThan(0)
  expect(pools.app.waitingCount).toBe(0)
})

test('a wait that ends before that of the pool says once what is wrong, and its cause why', async () => {
  const { pools } = openTestDatabase({ waitMs: 30_000 })
  const held = await pools.app.connect()
  await expect(acquire(pools.app, new Deadline(50))).rejects.toMatchObject({
    ...unavailable,
    message: 'The database is not available',
    cause: { message: 'no answer within 50 ms' },
  })
  held.release()
})

test('a statement past its limit gives a 503 and stops on the server (POOL-4)', async () => {
  const { inTenant, pools } = openTestDatabase()
  await pools.app.query("set statement_timeout = '500ms'")
  let pid = 0
  const work = inTenant(backgroundScope(tenant), async (db) => {
    pid = await pidOf(db)
    await sql`select pg_sleep(30)`.execute(db)
  })
  await expect(work).rejects.toMatchObject({ ...unavailable, cause: { code: '57014' } })
  expect(await activityOf(pid)).toBe('idle')
})

test('a lock that cannot be acquired in time gives a 503 (POOL-4)', async () => {
  const { inTenant, pools } = openTestDatabase()
  await pools.app.query("set lock_timeout = '100ms'")
  const key = Math.floor(Math.random() * 2 ** 31)
  await asRole('platform', async (client) => {
    await client.query('select pg_advisory_lock($1)', [key])
    const work = inTenant(backgroundScope(tenant), (db) =>
      sql`select pg_advisory_xact_lock(${key})`.execute(db),
    )
    await expect(work).rejects.toMatchObject({ ...unavailable, cause: { code: '55P03' } })
  })
})

test('the server ends an idle transaction, which gives a 503 (POOL-4)', async () => {
  const { inTenant, pools } = openTestDatabase()
  await pools.app.query("set idle_in_transaction_session_timeout = '100ms'")
  const ended = new Promise<void>((resolve) => {
    pools.app.once('acquire', (client) => client.once('end', resolve))
  })
  const work = inTenant(backgroundScope(tenant), async (db) => {
    await pidOf(db)
    await ended
  })
  await expect(work).rejects.toMatchObject(unavailable)
  expect(await inTenant(backgroundScope(tenant), pidOf)).toBeGreaterThan(0)
})

test('a write on a read-only server gives a 503, and reads still work', async () => {
  const { inTenant, pools } = openTestDatabase()
  await pools.app.query('set default_transaction_read_only = on')
  const write = inTenant(backgroundScope(tenant), (db) =>
    db.insertInto('tenantry.roles').values({ id: randomUUID(), name: 'x' }).execute(),
  )
  await expect(write).rejects.toMatchObject({ ...unavailable, cause: { code: '25006' } })
  expect(await inTenant(backgroundScope(tenant), pidOf)).toBeGreaterThan(0)
})

test.each([
  ['app', '10s'],
  ['identity', '5s'],
  ['platform', '1min'],
] as const)(
  'the server itself limits the statements of the %s role (POOL-4)',
  async (role, statement) => {
    const { pools } = openTestDatabase()
    const { rows } = await pools[role].query(`
    select name, setting || coalesce(unit, '') as value from pg_settings where name in
    ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout') order by name`)
    const inMs = { '10s': '10000ms', '5s': '5000ms', '1min': '60000ms' }[statement]
    expect(rows).toEqual([
      { name: 'idle_in_transaction_session_timeout', value: '15000ms' },
      { name: 'lock_timeout', value: '5000ms' },
      { name: 'statement_timeout', value: inMs },
    ])
  },
)

test('a terminated idle backend is replaced, and no caller sees an error (POOL-5)', async () => {
  const { inTenant, pools, lost } = openTestDatabase()
  const pid = await inTenant(backgroundScope(tenant), pidOf)
  const removed = new Promise<void>((resolve) => {
    pools.app.once('remove', () => resolve())
  })
  await asRole('app', (client) => client.query('select pg_terminate_backend($1)', [pid]))
  await removed
  expect(lost).toMatchObject([{ code: '57P01' }])
  // The pool attaches the whole client to the error, which would fill the log.
  expect(lost[0]).not.toHaveProperty('client')
  expect(await inTenant(backgroundScope(tenant), pidOf)).not.toBe(pid)
})

test("after a tenant's use, a connection shows no rows without a tenant (POOL-1)", async () => {
  const { inTenant, pools } = openTestDatabase()
  const { tenantId } = await asRole('platform', insertSample)
  const seen = await inTenant(backgroundScope(tenantId), (db) =>
    db.selectFrom('tenantry.roles').select('id').execute(),
  )
  expect(seen).toHaveLength(1)
  const probe = await pools.app.query(
    "select id, current_setting('app.tenant_id', true) from tenantry.roles",
  )
  expect([probe.rowCount, pools.app.totalCount]).toEqual([0, 1])
})

test.each([
  '2026-11-25 15:10:30+00',
  '2026-11-25 15:10:30.1+00',
  '2026-11-25 15:10:30.12+00',
  '2026-11-25 15:10:30.999999+00',
  '2026-11-25 15:10:30.123+05:30',
  '2026-02-28 23:59:59.000001-08',
  '0001-01-01 00:00:00+00',
])('%s is converted to RFC 3339 in UTC', (text) => {
  const iso = text.replace(' ', 'T').replace(/[+-]\d\d$/, '$&:00')
  expect(isoTimestamp(text)).toBe(new Date(iso).toISOString())
})
