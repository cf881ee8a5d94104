import { randomUUID } from 'node:crypto'
import { type Kysely, sql } from 'kysely'
import { expect, test, vi } from 'vitest'
import { openTestDatabase } from '../../test/fixtures/test_database.ts'
import type { KernelTables } from './tables.ts'
import { backgroundScope } from './tenancy.ts'

const prepared = async (db: Kysely<KernelTables>) => {
  const { rows } = await sql<{ count: number }>`
    select count(*)::int as count from pg_prepared_statements`.execute(db)
  return rows[0]?.count ?? 0
}

test('statements whose text varies with their input do not fill the server with plans', async () => {
  // Statement names are counted per module, and this test uses them all up: it loads modules of its own.
  vi.resetModules()
  const own = await import('../../test/fixtures/test_database.ts')
  const { inTenant } = own.openTestDatabase()
  const tenant = randomUUID()
  const rolesIn = (db: Kysely<KernelTables>, length: number) =>
    db
      .selectFrom('tenantry.roles')
      .select('id')
      .where(
        'id',
        'in',
        Array.from({ length }, () => tenant),
      )
      .execute()
  await inTenant(backgroundScope(tenant), async (db) => {
    for (let length = 1; length <= 700; length += 10) {
      await Promise.all(Array.from({ length: 10 }, (_, at) => rolesIn(db, length + at)))
    }
    const many = await prepared(db)
    expect(many).toBeGreaterThan(400)
    expect(many).toBeLessThanOrEqual(501)
    expect(await rolesIn(db, 701)).toEqual([])
    expect(await prepared(db)).toBe(many)
  })
})

test('returns times as RFC 3339, integers as integers and bytes as bytes', async () => {
  const { inTenant } = openTestDatabase()
  const { rows } = await inTenant(backgroundScope(randomUUID()), (db) =>
    sql`select '2026-03-01 12:00:00.5+02'::timestamptz as at, '2026-03-01'::date as day,
      9007199254740993::int8 as big, 7::int4 as whole, '\\x00ff'::bytea as bytes,
      '{"a": 1}'::jsonb as json, null::timestamptz as never`.execute(db),
  )
  expect(rows).toEqual([
    {
      at: '2026-03-01T10:00:00.500Z',
      day: '2026-03-01',
      big: '9007199254740993',
      whole: 7,
      bytes: Buffer.from([0, 255]),
      json: { a: 1 },
      never: null,
    },
  ])
})

test('returns how many rows a statement changed', async () => {
  const { inTenant } = openTestDatabase()
  const changed = await inTenant(backgroundScope(randomUUID()), (db) =>
    db.updateTable('tenantry.roles').set({ name: 'x' }).executeTakeFirst(),
  )
  expect(changed.numUpdatedRows).toBe(0n)
})
