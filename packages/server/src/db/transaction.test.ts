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

async function doorsThroughProxy(settings: Parameters<typeof openTestDatabase>[0] = {}) {
  const { app, identity, platform } = scopeUrls()
  const proxy = await startWireProxy(app)
  onTestFinished(() => proxy.close())
  const { through } = proxy
  const urls = { app: through(app), identity: through(identity), platform: through(platform) }
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
  test('begins, sets the tenant and asks the first query without waiting in between', async () => {
    const { proxy, database } = await doorsThroughProxy()
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

  test('is none where no query is asked', async () => {
    const { proxy, database } = await doorsThroughProxy()
    expect(await database.inTenant(backgroundScope(sample.tenantId), async () => 'nothing')).toBe(
      'nothing',
    )
    await expect(
      database.inTenant(backgroundScope(sample.tenantId), () => Promise.reject(new Error('no'))),
    ).rejects.toThrow('no')
    expect([proxy.sent, database.pools.app.totalCount]).toEqual([[], 0])
  })

  test('rolls back what failed, and says what failed', async () => {
    const { proxy, database } = await doorsThroughProxy()
    const work = database.inTenant(backgroundScope(sample.tenantId), async (db) => {
      await addRole(db, 'rolled_back')
      throw new Error('changed my mind')
    })
    await expect(work).rejects.toThrow('changed my mind')
    expect(proxy.sent.at(-1)).toBe('ROLLBACK')
    expect(await rolesNamed('rolled_back')).toBe(0)
  })

  test('of the identity door is none without a tenant: each statement stands alone', async () => {
    const { proxy, database } = await doorsThroughProxy()
    await database.asIdentity({ deadline: 'background' }, one)
    await database.asIdentity(backgroundScope(sample.tenantId), one)
    // Of the connection itself, once; everything else is the door's.
    const [limits, ...sent] = proxy.sent.filter((it) => it !== '')
    expect(limits).toContain('set statement_timeout')
    expect(sent).toEqual(['select 1 as n', 'BEGIN', SET_TENANT, 'select 1 as n', 'COMMIT'])
  })
})

const switchings = [
  { pipeline: true, named: true },
  { pipeline: true, named: false },
  { pipeline: false, named: true },
  { pipeline: false, named: false },
].filter(({ named }) => !(named && isPooled()))

describe.each(switchings)('with %o', (switches) => {
  test('the same work gives the same', async () => {
    const warnings: Error[] = []
    const onWarning = (warning: Error) => warnings.push(warning)
    process.on('warning', onWarning)
    onTestFinished(() => void process.off('warning', onWarning))
    const { inTenant, asIdentity } = openTestDatabase(switches)
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

  test('a statement is one statement', async () => {
    const { inTenant } = openTestDatabase(switches)
    const two = inTenant(backgroundScope(sample.tenantId), (db) =>
      sql`select 1; select 2`.execute(db),
    )
    await expect(two).rejects.toMatchObject({ code: '42601' })
  })

  test('nothing is prepared by name where names are off', async () => {
    const { inTenant } = openTestDatabase(switches)
    const { rows } = await inTenant(backgroundScope(sample.tenantId), (db) =>
      sql<{ name: string }>`select name from pg_prepared_statements`.execute(db),
    )
    expect(rows.length > 0).toBe(switches.named)
  })
})

describe('a transaction', () => {
  test('whose failed query was ignored is an error at the end, and saves nothing', async () => {
    const { inTenant } = openTestDatabase()
    const work = inTenant(backgroundScope(sample.tenantId), async (db) => {
      await addRole(db, 'swallowed')
      await sql`select 1 / 0`.execute(db).catch(() => {})
      return 'saved'
    })
    await expect(work).rejects.toThrow(
      'the transaction was rolled back: a failed query in it was ignored',
    )
    expect(await rolesNamed('swallowed')).toBe(0)
  })

  test('that could not even open is an error at the end, however its query was ignored', async () => {
    const { proxy, database } = await doorsThroughProxy()
    proxy.set('refuse')
    const work = database.inTenant(backgroundScope(sample.tenantId), async (db) => {
      await addRole(db, 'never').catch(() => {})
      return 'saved'
    })
    await expect(work).rejects.toMatchObject({ kind: 'unavailable', extras: { retryAfter: 1 } })
  })

  test('keeps what a query nobody waited for did, if it came in time', async () => {
    const { inTenant } = openTestDatabase()
    let answer: Promise<unknown> | undefined
    await inTenant(backgroundScope(sample.tenantId), async (db) => {
      await one(db)
      answer = addRole(db, 'unawaited')
      // The statement has left by now; its answer has not come.
      await Promise.resolve().then(() => sleep(0))
    })
    await answer
    expect(await rolesNamed('unawaited')).toBe(1)
  })

  test('refuses a query that comes after its end', async () => {
    const { inTenant } = openTestDatabase()
    const kept = await inTenant(backgroundScope(sample.tenantId), async (db) => {
      await one(db)
      return { db }
    })
    await expect(one(kept.db)).rejects.toThrow('a query came after its transaction had ended')
  })

  test('cannot be nested', async () => {
    const { inTenant } = openTestDatabase()
    const words = 'a door already holds the transaction: do all of the work in it'
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

  test('of the operators logs its reason before it begins, and whatever comes of it', async () => {
    const { acrossTenants } = openTestDatabase()
    const logged = async (reason: string) =>
      (
        await asRole('platform', (it) =>
          it.query('select from tenantry.platform_logs where reason = $1', [reason]),
        )
      ).rowCount
    const [kept, undone] = [randomUUID(), randomUUID()]
    await acrossTenants(kept, async (db) => {
      expect(await logged(kept)).toBe(1)
      await one(db)
    })
    const failed = acrossTenants(undone, async (db) => {
      await one(db)
      throw new Error('no')
    })
    await expect(failed).rejects.toThrow('no')
    expect([await logged(kept), await logged(undone)]).toEqual([1, 1])
  })

  test('of the operators is refused where no reason is given, and does nothing', async () => {
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

  test('lasts no longer than a request may (POOL-4)', async () => {
    const { pools } = openTestDatabase()
    const transaction = new WriteTransaction({
      pool: pools.app,
      named: true,
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
  'with %o a last statement that fails takes all back, and leaves the connection as it was',
  async (settings) => {
    const database = openTestDatabase(settings)
    const name = `taken_back_${settings.pipeline}`
    const work = database.write(
      { tenant: { id: sample.tenantId }, deadline: new Deadline(5_000) },
      async (unit) => {
        await addRole(unit.db, name)
        unit.sendWithCommit(unit.db.selectNoFrom(sql`1 / 0`.as('n')).compile())
      },
    )
    await expect(work).rejects.toMatchObject({ code: '22012' })
    expect(await rolesNamed(name)).toBe(0)
    const { app } = database.pools
    expect([app.totalCount, app.idleCount]).toEqual([1, 1])
    expect((await app.query('select 1 as n')).rows).toEqual([{ n: 1 }])
  },
)
