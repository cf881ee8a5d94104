import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Kysely, sql } from 'kysely'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { insertSample, type Sample } from '../../test/database/sample_rows.ts'
import { asRole, isPooled, scopeUrls } from '../../test/fixtures/databases.ts'
import { openTestDatabase } from '../../test/fixtures/test_database.ts'
import { startWireProxy } from '../../test/fixtures/wire_proxy.ts'
import { Deadline } from '../lib/deadline.ts'
import type { KernelTables } from './tables.ts'
import { backgroundScope } from './tenancy.ts'
import { WriteTransaction } from './transaction.ts'

let sample: Sample
beforeAll(async () => {
  sample = await asRole('platform', insertSample)
})

type Db = Kysely<KernelTables>

const SET_TENANT = 'select tenantry.set_tenant($1)'
const one = (db: Db) => sql<{ n: number }>`select 1 as n`.execute(db)
const addRole = (db: Db, name: string) =>
  db.insertInto('tenantry.roles').values({ id: randomUUID(), name }).execute()

async function databaseThroughProxy(settings: Parameters<typeof openTestDatabase>[0] = {}) {
  const { app, identity, platform, jobs } = scopeUrls()
  const proxy = await startWireProxy(app)
  onTestFinished(() => proxy.close())
  const { through } = proxy
  const urls = { app: through(app), identity: through(identity), platform: through(platform), jobs }
  return { proxy, database: openTestDatabase({ ...settings, urls }) }
}

async function rolesNamed(name: string): Promise<number> {
  const found = await asRole('platform', (client) =>
    client.query('select from tenantry.roles where tenant_id = $1 and name = $2', [
      sample.tenantId,
      name,
    ]),
  )
  return found.rowCount ?? 0
}

describe('a transaction on the wire', () => {
  test('begins, sets the tenant and sends the first query without waiting in between', async () => {
    const { proxy, database } = await databaseThroughProxy()
    await database.pools.app.query('select')
    proxy.sent.length = 0
    proxy.set('hold')
    const work = database.inTenant(backgroundScope(sample.tenantId), one)
    await proxy.until((sent) => sent.length === 3)
    expect(proxy.sent).toEqual(['BEGIN', SET_TENANT, 'select 1 as n'])
    proxy.set('pass')
    expect((await work).rows).toEqual([{ n: 1 }])
    expect(proxy.sent.slice(3)).toEqual(['COMMIT'])
  })

  test('is not opened without a query', async () => {
    const { proxy, database } = await databaseThroughProxy()
    expect(await database.inTenant(backgroundScope(sample.tenantId), async () => 'nothing')).toBe(
      'nothing',
    )
    await expect(
      database.inTenant(backgroundScope(sample.tenantId), () => Promise.reject(new Error('no'))),
    ).rejects.toThrow('no')
    expect([proxy.sent, database.pools.app.totalCount]).toEqual([[], 0])
  })

  test('is rolled back after an error, which the caller gets', async () => {
    const { proxy, database } = await databaseThroughProxy()
    const work = database.inTenant(backgroundScope(sample.tenantId), async (db) => {
      await addRole(db, 'rolled_back')
      throw new Error('changed my mind')
    })
    await expect(work).rejects.toThrow('changed my mind')
    expect(proxy.sent.at(-1)).toBe('ROLLBACK')
    expect(await rolesNamed('rolled_back')).toBe(0)
  })

  test('is not used by the identity scope without a tenant: each statement runs alone', async () => {
    const { proxy, database } = await databaseThroughProxy()
    await database.asIdentity({ deadline: 'background' }, one)
    await database.asIdentity(backgroundScope(sample.tenantId), one)
    // The first statement sets up the connection; the others are the scope's.
    const [limits, ...sent] = proxy.sent.filter((it) => it !== '')
    expect(limits).toContain('set statement_timeout')
    expect(sent).toEqual(['select 1 as n', 'BEGIN', SET_TENANT, 'select 1 as n', 'COMMIT'])
  })
})

const combinations = [
  { pipeline: true, named: true },
  { pipeline: true, named: false },
  { pipeline: false, named: true },
  { pipeline: false, named: false },
].filter(({ named }) => !(named && isPooled()))

describe.each(combinations)('with %o', (settings) => {
  test('the same work has the same result', async () => {
    const warnings: Error[] = []
    const onWarning = (warning: Error) => warnings.push(warning)
    process.on('warning', onWarning)
    onTestFinished(() => void process.off('warning', onWarning))
    const { inTenant, asIdentity } = openTestDatabase(settings)
    const name = `role_${randomUUID().slice(0, 8)}`
    const numbers = await inTenant(backgroundScope(sample.tenantId), async (db) => {
      await addRole(db, name)
      const asked = [1, 2, 3].map((n) => sql<{ n: number }>`select ${n}::int as n`.execute(db))
      return (await Promise.all(asked)).map((it) => it.rows[0]?.n)
    })
    expect(numbers).toEqual([1, 2, 3])
    expect(await rolesNamed(name)).toBe(1)
    const lost = inTenant(backgroundScope(sample.tenantId), async (db) => {
      await addRole(db, `${name}_2`)
      await addRole(db, name)
    })
    await expect(lost).rejects.toMatchObject({ constraint: 'roles_tenant_id_name_key' })
    expect(await rolesNamed(`${name}_2`)).toBe(0)
    expect((await asIdentity({ deadline: 'background' }, one)).rows).toEqual([{ n: 1 }])
    expect(warnings).toEqual([])
  })

  test('a text with two statements is rejected', async () => {
    const { inTenant } = openTestDatabase(settings)
    const two = inTenant(backgroundScope(sample.tenantId), (db) =>
      sql`select 1; select 2`.execute(db),
    )
    await expect(two).rejects.toMatchObject({ code: '42601' })
  })

  test('statements are prepared by name only where names are on', async () => {
    const { inTenant } = openTestDatabase(settings)
    const { rows } = await inTenant(backgroundScope(sample.tenantId), (db) =>
      sql<{ name: string }>`select name from pg_prepared_statements`.execute(db),
    )
    expect(rows.length > 0).toBe(settings.named)
  })
})

describe('a transaction', () => {
  test('fails at its end and saves nothing if the error of a query was ignored', async () => {
    const { inTenant } = openTestDatabase()
    const work = inTenant(backgroundScope(sample.tenantId), async (db) => {
      await addRole(db, 'swallowed')
      await sql`select 1 / 0`.execute(db).catch(() => {})
      return 'saved'
    })
    await expect(work).rejects.toThrow(
      'the transaction was rolled back, because one of its queries failed',
    )
    expect(await rolesNamed('swallowed')).toBe(0)
  })

  test('that could not be opened fails at its end, even if the error of its query was ignored', async () => {
    const { proxy, database } = await databaseThroughProxy()
    proxy.set('refuse')
    const work = database.inTenant(backgroundScope(sample.tenantId), async (db) => {
      await addRole(db, 'never').catch(() => {})
      return 'saved'
    })
    await expect(work).rejects.toMatchObject({ kind: 'unavailable', extras: { retryAfter: 1 } })
  })

  test('commits a query that was not awaited but sent in time', async () => {
    const { inTenant } = openTestDatabase()
    let answer: Promise<unknown> | undefined
    await inTenant(backgroundScope(sample.tenantId), async (db) => {
      await one(db)
      answer = addRole(db, 'unawaited')
      // The statement has been sent by now; its reply has not arrived.
      await Promise.resolve().then(() => sleep(0))
    })
    await answer
    expect(await rolesNamed('unawaited')).toBe(1)
  })

  test('rejects a query that is sent after its end', async () => {
    const { inTenant } = openTestDatabase()
    const kept = await inTenant(backgroundScope(sample.tenantId), async (db) => {
      await one(db)
      return { db }
    })
    await expect(one(kept.db)).rejects.toThrow('a query was sent after its transaction had ended')
  })

  test('cannot be nested', async () => {
    const { inTenant } = openTestDatabase()
    const words = 'a database scope opens the transaction itself'
    await expect(
      inTenant(backgroundScope(sample.tenantId), (db) => db.transaction().execute((it) => one(it))),
    ).rejects.toThrow(words)
    await expect(
      inTenant(backgroundScope(sample.tenantId), (db) => db.startTransaction().execute()),
    ).rejects.toThrow(words)
  })

  test('has no cursors', async () => {
    const { inTenant } = openTestDatabase()
    const read = inTenant(backgroundScope(sample.tenantId), async (db) => {
      for await (const row of db.selectFrom('tenantry.roles').select('id').stream()) return row
      return undefined
    })
    await expect(read).rejects.toThrow('a tenant transaction has no cursors')
  })

  test('across tenants logs its reason first, even if the work fails', async () => {
    const { acrossTenants } = openTestDatabase()
    const logged = async (reason: string) =>
      (
        await asRole('platform', (it) =>
          it.query('select from tenantry.platform_logs where reason = $1', [reason]),
        )
      ).rowCount
    const [succeeds, fails] = [randomUUID(), randomUUID()]
    await acrossTenants(succeeds, async (db) => {
      expect(await logged(succeeds)).toBe(1)
      await one(db)
    })
    const failed = acrossTenants(fails, async (db) => {
      await one(db)
      throw new Error('no')
    })
    await expect(failed).rejects.toThrow('no')
    expect([await logged(succeeds), await logged(fails)]).toEqual([1, 1])
  })

  test('across tenants is rejected without a reason, and does nothing', async () => {
    const { acrossTenants } = openTestDatabase()
    const work = acrossTenants('', (db) =>
      db
        .updateTable('tenantry.tenants')
        .set({ name: 'x' })
        .where('id', '=', sample.tenantId)
        .execute(),
    )
    await expect(work).rejects.toMatchObject({ code: '23514' })
  })

  test('is limited in its duration (POOL-4)', async () => {
    const { pools } = openTestDatabase()
    const transaction = new WriteTransaction({
      pool: pools.app,
      format: { named: true },
      deadline: new Deadline(5_000),
      maxMs: 20,
    })
    await transaction.run({ text: 'select 1' })
    await sleep(40)
    await expect(transaction.run({ text: 'select 1' })).rejects.toMatchObject({
      kind: 'unavailable',
      code: 'database.transaction_too_long',
    })
    await transaction.finish('rollback')
    expect(pools.app.idleCount).toBe(1)
  })
})

test.each([{ pipeline: true }, { pipeline: false }])(
  'with %o a failed last statement rolls everything back, and the connection stays usable',
  async (settings) => {
    const database = openTestDatabase(settings)
    const name = `rolled_back_${settings.pipeline}`
    const work = database.write(
      { tenant: { id: sample.tenantId }, deadline: new Deadline(5_000) },
      async (transaction) => {
        await addRole(transaction.db, name)
        const failing = transaction.db.selectNoFrom(sql`1 / 0`.as('n'))
        await transaction.sendWithCommit(failing.compile())
      },
    )
    await expect(work).rejects.toMatchObject({ code: '22012' })
    expect(await rolesNamed(name)).toBe(0)
    const { app } = database.pools
    expect([app.totalCount, app.idleCount]).toEqual([1, 1])
    expect((await app.query('select 1 as n')).rows).toEqual([{ n: 1 }])
  },
)

test.each([1, 250])('%i statements that wait for COMMIT run without another one', async (count) => {
  const { write } = openTestDatabase()
  const name = (n: number) => `waits_${count}_${n}`
  const add = ({ db }: { db: Db }, n: number) =>
    db
      .insertInto('tenantry.roles')
      .values({ id: randomUUID(), name: name(n) })
      .compile()
  await write(backgroundScope(sample.tenantId), async (transaction) => {
    for (let n = 0; n < count; n++) await transaction.sendWithCommit(add(transaction, n))
  })
  expect([await rolesNamed(name(0)), await rolesNamed(name(count - 1))]).toEqual([1, 1])
  const failed = write(backgroundScope(sample.tenantId), async (transaction) => {
    await transaction.sendWithCommit(add(transaction, count))
    throw new Error('after it')
  })
  await expect(failed).rejects.toThrow('after it')
  expect(await rolesNamed(name(count))).toBe(0)
})

test('a statement for a COMMIT that was sent already is rejected', async () => {
  const { write } = openTestDatabase()
  const transaction = await write(backgroundScope(sample.tenantId), async (it) => {
    await one(it.db)
    return it
  })
  const late = transaction.sendWithCommit(sql`select 1`.compile(transaction.db))
  await expect(late).rejects.toThrow(/had ended/)
})
