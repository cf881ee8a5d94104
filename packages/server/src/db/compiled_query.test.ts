import { expect, test } from 'vitest'
import { compiledQuery } from './compiled_query.ts'
import { boundKysely } from './kysely.ts'
import type { KernelTables } from './tables.ts'

const db = boundKysely<KernelTables>(() => Promise.reject(new Error('only compiled here')), true)

test('a fixed query is what kysely makes of it, with the values of whoever asks', () => {
  const build = (kysely: typeof db, { id, name }: { id: string; name: string | null }) =>
    kysely
      .updateTable('tenantry.roles')
      .set({ name: name ?? '' })
      .where('id', '=', id)
      .where('name', '!=', 'fixed')
      .where('name', '!=', id)
      .returning('id')
  const fixed = compiledQuery(build)
  for (const values of [
    { id: '1', name: 'one' },
    { id: '2', name: 'two' },
    { name: 'in another order', id: '3' },
    { id: 'value of name', name: 'value of id' },
  ]) {
    const { sql, parameters } = build(db, values).compile()
    expect(fixed(db, values)).toMatchObject({ sql, parameters })
  }
})
