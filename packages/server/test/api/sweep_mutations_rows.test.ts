import { expect, test } from 'vitest'
import { rowQueryFaults } from '../../src/testing/sweeps/row_queries.ts'
import { app } from '../fixtures/app/app.ts'
import { mutants } from './sweep_mutants.ts'

test('the statements sweep finds a route that sends a query for each row, and names the query', async () => {
  const faults = await rowQueryFaults({ ...app, routes: [...app.routes, mutants.slow] })
  expect(faults).toHaveLength(1)
  expect(faults[0]).toMatch(
    /^GET \/api\/slow: sends more statements for more rows: \d+, and \d+ with 20 more rows \(select \$1::text\); /,
  )
}, 60_000)

test('the statements sweep finds a route that sends a query for every ten rows', async () => {
  const faults = await rowQueryFaults({ ...app, routes: [...app.routes, mutants.inBatches] })
  expect(faults).toEqual([
    expect.stringMatching(
      /^GET \/api\/batches: sends more statements for more rows: 2, and \d with 20 more rows/,
    ),
  ])
}, 60_000)
