import fc from 'fast-check'
import { expect, test } from 'vitest'
import { TenantSeries } from './tenant_series.ts'

const names = (series: TenantSeries) => series.named().map(([id]) => id)

function record(series: TenantSeries, tenant: string, times: number): void {
  for (let time = 0; time < times; time++) series.record(tenant, 200, 0.01)
}

/** The number of all counted requests, named and others. */
function counted(series: TenantSeries): number {
  const all = [series.others, ...series.named().map(([, counts]) => counts)]
  return all.flatMap(({ requests }) => requests).reduce((sum, it) => sum + it, 0)
}

test('a million tenants need the memory of a few (OPS-8)', () => {
  const series = new TenantSeries(10)
  for (let tenant = 0; tenant < 1_000_000; tenant++) {
    series.record(`tenant ${tenant}`, 200, 0.001)
    if (tenant % 50_000 === 0) series.rank()
    if (tenant % 1000 === 0) expect(series.size).toBeLessThanOrEqual(50)
  }
  expect(names(series)).toHaveLength(10)
})

test('busy tenants are found among any number of others', () => {
  const series = new TenantSeries(3)
  for (let round = 0; round < 4; round++) {
    for (let other = 0; other < 5_000; other++) {
      series.record(`passing ${round} ${other}`, 200, 0.001)
      for (const busy of ['ann', 'bob', 'eve']) record(series, busy, other % 2)
    }
    series.rank()
  }
  expect(names(series).sort()).toEqual(['ann', 'bob', 'eve'])
})

test('the others are counted together, and a named tenant is replaced only by a much busier one', () => {
  const series = new TenantSeries(1)
  record(series, 'first', 10)
  record(series, 'rival', 15)
  series.rank()
  expect(names(series)).toEqual(['first'])
  expect(series.others.requests[0]).toBe(15)
  record(series, 'rival', 40)
  series.rank()
  expect(names(series)).toEqual(['rival'])
  record(series, 'rival', 2)
  expect(series.named()[0]?.[1].requests[0]).toBe(2)
})

test('counts by status class, and the count of the others never decreases', () => {
  const series = new TenantSeries(2)
  for (const status of [200, 204, 304, 404, 429, 503]) series.record('ann', status, 0.5)
  expect(series.named()).toEqual([['ann', { requests: [2, 1, 2, 1], seconds: 3 }]])
  const tenant = fc.integer({ min: 0, max: 30 }).map(String)
  fc.assert(
    fc.property(
      fc.array(fc.oneof({ weight: 20, arbitrary: tenant }, fc.constant('rank'))),
      (steps) => {
        const series = new TenantSeries(2)
        let before = 0
        for (const step of steps) {
          if (step === 'rank') series.rank()
          else series.record(step, 200, 1)
          const others = series.others.requests[0] ?? 0
          expect(others).toBeGreaterThanOrEqual(before)
          expect(names(series).length).toBeLessThanOrEqual(2)
          before = others
        }
        expect(counted(series)).toBeLessThanOrEqual(steps.length)
      },
    ),
  )
})
