import { readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { onEmptyDatabase, sharedDatabase } from '../../../test/fixtures/databases.ts'
import { withClient } from '../connect/with_client.ts'
import { generateTables } from './generate_tables.ts'

/** The generated source for a database with one table. */
function generatedFor(sql: string): Promise<string> {
  return onEmptyDatabase(async ({ owner }) => {
    await withClient(owner, (client) => client.query(sql))
    return generateTables(owner, 'public', 'AppTables')
  })
}

/** The columns in the source, one line each. */
function membersIn(source: string): string[] {
  return [...source.matchAll(/^ {4}(\S.*)$/gm)].map(([, member = '']) => member)
}

describe('the types of the tables', () => {
  test('are those of the migrated database', async () => {
    const { owner } = sharedDatabase()
    const committed = await readFile(new URL('../tables.ts', import.meta.url), 'utf8')
    expect(await generateTables(owner, 'tenantry', 'KernelTables')).toBe(committed)
  })

  test('show which columns are optional or nullable, and what a query returns', async () => {
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

  test('list the values that a CHECK lists, in any spelling', async () => {
    const source = await generatedFor(`create table tasks (
      state text not null default 'open' check (state in ('open', 'in progress', 'closed')),
      kind varchar(9) check (kind = any (array['bug', 'chore'])),
      size text not null check (size in ('one')), other text not null,
      constraint tasks_other check (other in ('left', 'right')))`)
    const states = "'open' | 'in progress' | 'closed'"
    expect(membersIn(source)).toEqual([
      `state: ColumnType<${states}, ${states} | undefined, ${states}>`,
      "kind: ColumnType<'bug' | 'chore' | null, 'bug' | 'chore' | null | undefined, 'bug' | 'chore' | null>",
      "size: ColumnType<'one', 'one', 'one'>",
      "other: ColumnType<'left' | 'right', 'left' | 'right', 'left' | 'right'>",
    ])
  })

  test.each([
    'state text not null check (length(state) > 1)',
    "state text not null check (state not in ('open', 'closed'))",
    "state text not null check (state in ('open', 'closed') or length(state) > 20)",
    "state text not null check (lower(state) in ('open', 'closed'))",
    "state text not null check (state in ('it''s', 'is'))",
    "state text not null, kind text, check (state in ('open', kind))",
    "state text not null); alter table tasks add check (state in ('open')) not valid; create table z (",
  ])('stay text if a CHECK does not list the values: %s', async (columns) => {
    const [first] = membersIn(await generatedFor(`create table tasks (${columns})`))
    expect(first).toBe('state: ColumnType<string, string, string>')
  })

  test('are not generated for a column of an unsupported type', async () => {
    await expect(generatedFor('create table trips (lasted interval)')).rejects.toThrow(
      'trips.lasted has the type interval, which generate_tables.ts does not know',
    )
  })
})
