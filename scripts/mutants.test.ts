import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const kernel = join(import.meta.dirname, '../packages/server')
const read = (path: string) => readFileSync(join(kernel, path), 'utf8')

const table = readFileSync(join(kernel, '../../docs/mutants.md'), 'utf8')
const rows = [...table.matchAll(/^\| [^|]*\| ([^|]+) \| [^|]+ \| `([^`]+)` \|$/gm)].map(
  ([, mutant = '', file = '']) => ({ mutant, file }),
)

test('docs/mutants.md lists mutants that tests make (OPS-12)', () => {
  expect(rows.length).toBeGreaterThan(80)
  const missing = rows.filter(({ mutant, file }) => !read(file).includes(mutant))
  expect(missing).toEqual([])
})

test.each(['test/api/input_mutants.ts', 'test/api/foreign_mutants.ts'])(
  'docs/mutants.md lists every mutant of %s',
  (path) => {
    const made = [...read(path).matchAll(/^ {2}'(.+)': \{$/gm)].map(([, name]) => name)
    const listed = rows.filter(({ file }) => file === path).map(({ mutant }) => mutant)
    expect(made.filter((it) => !listed.includes(it ?? ''))).toEqual([])
    expect(made.length).toBeGreaterThan(5)
  },
)
