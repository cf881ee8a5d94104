import { expect, test } from 'vitest'
import { compiledQuery } from './compiled_query.ts'
import { boundKysely } from './kysely.ts'
import type { KernelTables } from './tables.ts'

const db = boundKysely<KernelTables>(() => Promise.reject(new Error('only compiled here')), {
  named: true,
})

test('a compiled query equals the one that kysely builds, with the values of each use', () => {
  const build = (kysely: typeof db, { id, name }: { id: string; name: string | null }) =>
    kysely
      .updateTable('tenantry.roles')
      .set({ name: name ?? '' })
      .where('id', '=', id)
      .where('name', '!=', 'fixed')
      .where('name', '!=', id)
      .returning('id')
  const compiled = compiledQuery(build)
  for (const values of [
    { id: '1', name: 'one' },
    { id: '2', name: 'two' },
    { name: 'in another order', id: '3' },
    { id: 'value of name', name: 'value of id' },
  ]) {
    const { sql, parameters } = build(db, values).compile()
    expect(compiled(db, values)).toMatchObject({ sql, parameters })
  }
})
