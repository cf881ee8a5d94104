import { randomUUID } from 'node:crypto'
import { type Kysely, sql } from 'kysely'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { insertSample, type Sample } from '../../test/database/sample_rows.ts'
import { asRole, isPooled, onMigratedDatabase, scopeUrls } from '../../test/fixtures/databases.ts'
import { openTestDatabase, type TestDatabase } from '../../test/fixtures/test_database.ts'
import { startWireProxy } from '../../test/fixtures/wire_proxy.ts'
import { withClient } from './connect/with_client.ts'
import type { KernelTables } from './tables.ts'
import { backgroundScope } from './tenancy.ts'

// What can happen to a connection while it is in use. After each case the next caller must get a working
// connection, outside of a transaction and without a tenant.

let a: Sample
let b: Sample
beforeAll(async () => {
  ;[a, b] = await asRole('platform', async (client) => [
    await insertSample(client),
    await insertSample(client),
  ])
})

type Db = Kysely<KernelTables>

const unavailable = { kind: 'unavailable', extras: { retryAfter: 1 } }

const pidOf = async (db: Db) => {
  const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(db)
  return rows[0]?.pid
}
const addRole = (db: Db, name: string) =>
  db.insertInto('tenantry.roles').values({ id: randomUUID(), name }).execute()
const rolesOf = ({ inTenant }: TestDatabase, tenant: Sample) =>
  inTenant(backgroundScope(tenant.tenantId), (db) =>
    db.selectFrom('tenantry.roles').selectAll().execute(),
  )

/** The scope of tenant B shows its role and nothing of A, on any connection. */
async function expectUsable(database: TestDatabase): Promise<void> {
  expect((await rolesOf(database, b)).map((it) => it.tenant_id)).toEqual([b.tenantId])
  const { rows } = await database.asIdentity({ deadline: 'background' }, (db) =>
    sql`select 1 as n`.execute(db),
  )
  expect(rows).toEqual([{ n: 1 }])
}

const kill = (pid: number | undefined) =>
  asRole('app', (client) => client.query('select pg_terminate_backend($1)', [pid]))

/** Resolves when the next connection to be acquired has ended and its client has noticed. */
function nextToEnd({ pools }: TestDatabase): Promise<void> {
  return new Promise((resolve) => {
    pools.app.once('acquire', (client) => client.once('end', resolve))
  })
}

describe.each([{ pipeline: true }, { pipeline: false }])('with %o', (settings) => {
  test('a backend that is terminated between two queries gives a 503, and affects nothing else', async () => {
    const database = openTestDatabase(settings)
    const ended = nextToEnd(database)
    const work = database.inTenant(backgroundScope(a.tenantId), async (db) => {
      await addRole(db, 'half_done')
      await kill(await pidOf(db))
      await ended
      await addRole(db, 'never')
    })
    await expect(work).rejects.toMatchObject(unavailable)
    expect((await rolesOf(database, a)).map((it) => it.name)).toEqual(['auditor'])
    await expectUsable(database)
  })

  test('a backend that is terminated between the last query and COMMIT gives a 503, and saves nothing', async () => {
    const database = openTestDatabase(settings)
    const ended = nextToEnd(database)
    const work = database.inTenant(backgroundScope(a.tenantId), async (db) => {
      await addRole(db, 'half_done')
      await kill(await pidOf(db))
      await ended
    })
    await expect(work).rejects.toMatchObject(unavailable)
    expect((await rolesOf(database, a)).map((it) => it.name)).toEqual(['auditor'])
    await expectUsable(database)
  })

  test('a backend that is terminated during a query gives a 503', async () => {
    const database = openTestDatabase(settings)
    const work = database.inTenant(backgroundScope(a.tenantId), async (db) => {
      const pid = await pidOf(db)
      await Promise.all([sql`select pg_sleep(30)`.execute(db), kill(pid)])
    })
    await expect(work).rejects.toMatchObject(unavailable)
    await expectUsable(database)
  })

  test('a parameter that cannot be serialized does not break the prepared statement', async () => {
    const database = openTestDatabase(settings)
    const ask = (value: unknown) =>
      database.inTenant(backgroundScope(a.tenantId), (db) =>
        sql`select ${value}::jsonb as it`.execute(db),
      )
    const circular: Record<string, unknown> = {}
    circular['me'] = circular
    await expect(ask(circular)).rejects.toThrow('circular')
    expect((await ask({ n: 1 })).rows).toEqual([{ it: { n: 1 } }])
  })

  test.skipIf(isPooled())(
    'deallocated statements give a 503 once, and are then prepared again',
    async () => {
      const database = openTestDatabase(settings)
      await rolesOf(database, b)
      await database.inTenant(backgroundScope(b.tenantId), (db) => sql`deallocate all`.execute(db))
      await expect(rolesOf(database, b)).rejects.toMatchObject(unavailable)
      await expectUsable(database)
    },
  )

  test.skipIf(isPooled())(
    'a table that changed under a prepared statement gives a 503 once',
    async () => {
      await onMigratedDatabase(async (urls) => {
        const database = openTestDatabase({ ...settings, urls })
        expect(await rolesOf(database, a)).toEqual([])
        await withClient(urls.owner, (it) =>
          it.query('alter table tenantry.roles add column more int'),
        )
        await expect(rolesOf(database, a)).rejects.toMatchObject(unavailable)
        expect(await rolesOf(database, a)).toEqual([])
        await database.close()
      })
    },
  )
})

test('a connection that breaks before the reply to COMMIT gives a 503, never a success', async () => {
  const { app, ...others } = scopeUrls()
  const proxy = await startWireProxy(app)
  onTestFinished(() => proxy.close())
  const database = openTestDatabase({ urls: { ...others, app: proxy.through(app) } })
  const work = database.inTenant(backgroundScope(a.tenantId), async (db) => {
    await pidOf(db)
    proxy.set('hold')
  })
  await proxy.until((sent) => sent.includes('COMMIT'))
  proxy.set('refuse')
  await expect(work).rejects.toMatchObject(unavailable)
  proxy.set('pass')
  await expectUsable(database)
})

test.skipIf(isPooled())(
  'a prepared statement that fails in a batch (26000) works in the next one',
  async () => {
    const database = openTestDatabase()
    const tenPer = (db: Db, n: number) => sql<{ n: number }>`select 10 / ${n}::int as n`.execute(db)
    const batch = database.inTenant(backgroundScope(a.tenantId), async (db) => {
      const broken = sql`select * from no_such_table`.execute(db)
      // Parsed behind a failure, so not prepared, and used again before the client knows.
      const [, first, second] = await Promise.allSettled([broken, tenPer(db, 1), tenPer(db, 2)])
      expect([first, second]).toMatchObject([
        { reason: { code: '25P02' } },
        { reason: { cause: { code: '26000' } } },
      ])
    })
    await expect(batch).rejects.toMatchObject(unavailable)
    const { rows } = await database.inTenant(backgroundScope(a.tenantId), (db) => tenPer(db, 5))
    expect(rows).toEqual([{ n: 2 }])
  },
)

test('a tenant left on a session is rejected once, shows no rows, and its connection is closed', async () => {
  const database = openTestDatabase()
  await database.pools.app.query("select set_config('app.tenant_id', $1, false)", [a.tenantId])
  await expect(rolesOf(database, b)).rejects.toMatchObject({ code: '42501' })
  await expectUsable(database)
})

test('the connection of a transaction that a statement left open is closed', async () => {
  const database = openTestDatabase()
  const pid = await database.asIdentity({ deadline: 'background' }, pidOf)
  expect(await database.asIdentity({ deadline: 'background' }, pidOf)).toBe(pid)
  await database.asIdentity({ deadline: 'background' }, (db) => sql`begin`.execute(db))
  expect(await database.asIdentity({ deadline: 'background' }, pidOf)).not.toBe(pid)
})

describe('a server that does not answer', () => {
  async function frozen(settings: Parameters<typeof openTestDatabase>[0]) {
    const { app, ...others } = scopeUrls()
    const proxy = await startWireProxy(app)
    onTestFinished(() => proxy.close())
    const { through } = proxy
    const urls = {
      app: through(app),
      identity: through(others.identity),
      platform: through(others.platform),
      jobs: others.jobs,
    }
    const database = openTestDatabase({ ...settings, urls })
    await expectUsable(database)
    return { proxy, database }
  }

  test.each([{ pipeline: true }, { pipeline: false }])(
    'gives a 503 after the wait for a connection, not after the longest statement: %o',
    async (settings) => {
      const { proxy, database } = await frozen({ ...settings, queryTimeoutMs: 60_000 })
      database.waitFor(300)
      proxy.set('freeze')
      const startedAt = performance.now()
      await expect(rolesOf(database, b)).rejects.toMatchObject(unavailable)
      await expect(database.asIdentity({ deadline: 'background' }, pidOf)).rejects.toMatchObject(
        unavailable,
      )
      expect(performance.now() - startedAt).toBeLessThan(20_000)
      database.waitFor(30_000)
      proxy.set('refuse')
      proxy.set('pass')
      await expectUsable(database)
    },
  )

  test.each([{ pipeline: true }, { pipeline: false }])(
    'between two queries gives a 503 after one query timeout: %o',
    async (settings) => {
      const { proxy, database } = await frozen({ ...settings, queryTimeoutMs: 2_000 })
      const work = database.inTenant(backgroundScope(a.tenantId), async (db) => {
        await pidOf(db)
        proxy.set('freeze')
        await pidOf(db)
      })
      await expect(work).rejects.toMatchObject(unavailable)
      proxy.set('refuse')
      proxy.set('pass')
      await expectUsable(database)
    },
  )

  test('is not confused with a server that runs a slow statement', async () => {
    const { database } = await frozen({})
    database.waitFor(1_000)
    const { rows } = await database.inTenant(backgroundScope(a.tenantId), (db) =>
      sql`select pg_sleep(1.2)::text as slept`.execute(db),
    )
    expect(rows).toEqual([{ slept: '' }])
    await database.asIdentity({ deadline: 'background' }, (db) =>
      sql`select pg_sleep(1.2)`.execute(db),
    )
  })
})
