import { expect, test } from 'vitest'
import { withRows } from './matrix_table.ts'

const page = 'Before\n<!-- results:begin (x) -->\n<!-- results:end -->\nAfter\n'
const run = {
  postgres: '15.18',
  node: '20.19.0',
  passed: 9,
  failed: 0,
  files: 'all',
  on: '2026-01-01',
}

test('a result replaces the previous one of the same run, and no other', () => {
  const first = withRows(page, [run, { ...run, node: '24.1.0' }, { ...run, files: 'database' }])
  const later = withRows(first, [{ ...run, postgres: '15.19', node: '20.20.0', failed: 2 }])
  expect(later).toBe(`Before
<!-- results:begin (x) -->
| PostgreSQL | Node | result | tests | on |
|---|---|---|---|---|
| 15.18 | 20.19.0 | 9 passed | database | 2026-01-01 |
| 15.18 | 24.1.0 | 9 passed | all | 2026-01-01 |
| 15.19 | 20.20.0 | **2 failed**, 9 passed | all | 2026-01-01 |
<!-- results:end -->
After
`)
})

test('the PostgreSQL of Debian has lines of its own', () => {
  const debian = { ...run, postgres: '15.20 (Debian)' }
  const rows = withRows(withRows(page, [run, debian]), [{ ...debian, postgres: '15.21 (Debian)' }])
  expect(rows.match(/^\| 15\.[^|]*/gm)).toEqual(['| 15.18 ', '| 15.21 (Debian) '])
})

test('a page without a place for results is rejected', () => {
  expect(() => withRows('Nothing', [run])).toThrow('results:begin')
})
