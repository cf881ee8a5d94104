import { randomUUID } from 'node:crypto'
import { type Kysely, sql } from 'kysely'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { insertSample, type Sample } from '../../test/database/sample_rows.ts'
import { asRole, isPooled, scopeUrls } from '../../test/fixtures/databases.ts'
import { openTestDatabase } from '../../test/fixtures/test_database.ts'
import { startWireProxy } from '../../test/fixtures/wire_proxy.ts'
import { Deadline } from '../lib/deadline.ts'
import type { KernelTables } from './tables.ts'

let sample: Sample
beforeAll(async () => {
  sample = await asRole('platform', insertSample)
})

type Db = Kysely<KernelTables>

const one = (db: Db) => sql<{ n: number }>`select 1 as n`.execute(db)
const tenantsSeen = async (db: Db) =>
  (await db.selectFrom('tenantry.roles').select('tenant_id').distinct().execute()).map(
    (it) => it.tenant_id,
  )

function reader(database = openTestDatabase()) {
  return <T>(work: (db: Db) => Promise<T> | T) =>
    database.read({ tenant: { id: sample.tenantId }, deadline: new Deadline(5_000) }, ({ db }) =>
      work(db),
    )
}

test('a query is one read-only transaction, sent in one write', async () => {
  const { app } = scopeUrls()
  const proxy = await startWireProxy(app)
  onTestFinished(() => proxy.close())
  const database = openTestDatabase({ urls: { ...scopeUrls(), app: proxy.through(app) } })
  await database.pools.app.query('select')
  proxy.sent.length = 0
  proxy.set('hold')
  const work = reader(database)(one)
  await proxy.until((sent) => sent.length === 4)
  expect(proxy.sent).toEqual([
    'BEGIN READ ONLY',
    'select tenantry.set_tenant($1)',
    'select 1 as n',
    'COMMIT',
  ])
  proxy.set('pass')
  expect((await work).rows).toEqual([{ n: 1 }])
})

test('work without a query returns without a promise and takes no connection', () => {
  const database = openTestDatabase()
  expect(reader(database)(() => 'nothing')).toBe('nothing')
  expect(() =>
    reader(database)(() => {
      throw new Error('no')
    }),
  ).toThrow('no')
  expect(database.pools.app.totalCount).toBe(0)
})

test('a query after such work has ended fails, and takes no connection', async () => {
  const database = openTestDatabase()
  let kept: Db | undefined
  reader(database)((db) => {
    kept = db
  })
  if (kept === undefined) throw new Error('there was no work')
  await expect(one(kept)).rejects.toThrow('await every query')
  expect(database.pools.app.totalCount).toBe(0)
})

test('each of several queries sees the tenant, all on one connection', async () => {
  const database = openTestDatabase()
  const seen = await reader(database)(async (db) => [
    await tenantsSeen(db),
    ...(await Promise.all([tenantsSeen(db), tenantsSeen(db), tenantsSeen(db)])),
  ])
  expect(seen).toEqual(Array(4).fill([sample.tenantId]))
  expect([database.pools.app.totalCount, database.pools.app.idleCount]).toEqual([1, 1])
})

test('no tenant is left on the connection', async () => {
  const database = openTestDatabase()
  await reader(database)(tenantsSeen)
  const { rows } = await database.pools.app.query(
    "select nullif(current_setting('app.tenant_id', true), '') as id",
  )
  expect([rows, database.pools.app.totalCount]).toEqual([[{ id: null }], 1])
})

test('a write is rejected with an error that says what to do', async () => {
  const write = reader()((db) =>
    db.insertInto('tenantry.roles').values({ id: randomUUID(), name: 'by_get' }).execute(),
  )
  await expect(write).rejects.toThrow('make it a POST')
})

test('a failed query stops neither the next one nor the connection', async () => {
  const database = openTestDatabase()
  const result = await reader(database)(async (db) => {
    await expect(sql`select 1 / 0`.execute(db)).rejects.toMatchObject({ code: '22012' })
    return one(db)
  })
  expect(result.rows).toEqual([{ n: 1 }])
  expect([database.pools.app.totalCount, database.pools.app.idleCount]).toEqual([1, 1])
})

test('a query that was not awaited, and one sent after the end, do not use a released connection', async () => {
  const database = openTestDatabase()
  let late: Promise<unknown> = Promise.resolve()
  await reader(database)((db) => {
    late = one(db)
    return 'done'
  })
  await late.catch(() => {})
  let kept: Db | undefined
  await reader(database)(async (db) => {
    kept = db
    await one(db)
  })
  expect(kept).toBeDefined()
  if (kept !== undefined) await expect(one(kept)).rejects.toThrow('await every query')
})

test.each([{ pipeline: true }, { pipeline: false }])(
  'with %o a connection is released after all of its queries, even if one fails',
  async (settings) => {
    const database = openTestDatabase(settings)
    const { app } = database.pools
    let isOver = false
    const slow = async (db: Db) => {
      await sql`select pg_sleep(0.5)`.execute(db)
      isOver = true
    }
    const failing = (db: Db) => sql`select 1 / 0`.execute(db)
    const work = reader(database)((db) => Promise.all([failing(db), slow(db)]))
    await expect(work).rejects.toMatchObject({ code: '22012' })
    expect([isOver, app.totalCount, app.idleCount]).toEqual([true, 1, 1])
    expect(await reader(database)(tenantsSeen)).toEqual([sample.tenantId])
  },
)

test('a query behind a slow one may wait longer than a request waits for a connection', async () => {
  const database = openTestDatabase()
  await database.pools.app.query('select')
  const both = database.read(
    { tenant: { id: sample.tenantId }, deadline: new Deadline(2_000) },
    ({ db }) => Promise.all([sql`select pg_sleep(2.5)`.execute(db), one(db)]),
  )
  expect((await both)[1].rows).toEqual([{ n: 1 }])
})

test.skipIf(isPooled())('no query runs if the tenant cannot be set', async () => {
  const database = openTestDatabase()
  const read = database.read(
    { tenant: { id: 'no tenant' }, deadline: new Deadline(5_000) },
    ({ db }) => one(db),
  )
  await expect(read).rejects.toThrow()
  expect(database.pools.app.totalCount).toBe(0)
})
