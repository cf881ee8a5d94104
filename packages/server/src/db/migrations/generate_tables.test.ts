import { readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { onEmptyDatabase, sharedDatabase } from '../../../test/fixtures/databases.ts'
import { withClient } from '../provisioning/roles.ts'
import { generateTables } from './generate_tables.ts'

/** What is generated for a database with this one table. */
function generatedFor(sql: string): Promise<string> {
  return onEmptyDatabase(async ({ owner }) => {
    await withClient(owner, (client) => client.query(sql))
    return generateTables(owner, 'public', 'AppTables')
  })
}

describe('the types of the tables', () => {
  test('are those of the database the migrations make', async () => {
    const { owner } = sharedDatabase()
    const committed = await readFile(new URL('../tables.ts', import.meta.url), 'utf8')
    expect(await generateTables(owner, 'tenantry', 'KernelTables')).toBe(committed)
  })

  test('say what may be left out, what may be null and what is read', async () => {
    const source = await generatedFor(`create table data_migrations (
      id int generated always as identity, name text not null, note text,
      at timestamptz not null default now(), big int8 not null)`)
    expect(source).toBe(`// Generated from a migrated database: npm run generate. Do not edit.
import type { ColumnType } from 'kysely'

export interface AppTables {
  data_migrations: {
    id: ColumnType<number, number | undefined, number>
    name: ColumnType<string, string, string>
    note: ColumnType<string | null, string | null | undefined, string | null>
    at: ColumnType<string, string | Date | undefined, string | Date>
    big: ColumnType<string, string | number | bigint, string | number | bigint>
  }
}
`)
  })

  test('are refused where a column has one that nobody wrote down', async () => {
    await expect(generatedFor('create table trips (lasted interval)')).rejects.toThrow(
      'trips.lasted has the type interval, which generate_tables.ts does not know',
    )
  })
})
