import fc from 'fast-check'
import { expect, test } from 'vitest'
import { TenantSeries } from './tenant_series.ts'

const names = (series: TenantSeries) => series.named().map(([id]) => id)

function ask(series: TenantSeries, tenant: string, times: number): void {
  for (let time = 0; time < times; time++) series.record(tenant, 200, 0.01)
}

/** Every request that was counted, by name or among the others. */
function counted(series: TenantSeries): number {
  const all = [series.others, ...series.named().map(([, counts]) => counts)]
  return all.flatMap(({ requests }) => requests).reduce((sum, it) => sum + it, 0)
}

test('a million tenants take the room of a few (OPS-8)', () => {
  const series = new TenantSeries(10)
  for (let tenant = 0; tenant < 1_000_000; tenant++) {
    series.record(`tenant ${tenant}`, 200, 0.001)
    if (tenant % 50_000 === 0) series.rank()
    if (tenant % 1000 === 0) expect(series.size).toBeLessThanOrEqual(50)
  }
  expect(names(series)).toHaveLength(10)
})

test('whoever is busy is found among any number of others', () => {
  const series = new TenantSeries(3)
  for (let round = 0; round < 4; round++) {
    for (let other = 0; other < 5_000; other++) {
      series.record(`passing ${round} ${other}`, 200, 0.001)
      for (const busy of ['ann', 'bob', 'eve']) ask(series, busy, other % 2)
    }
    series.rank()
  }
  expect(names(series).sort()).toEqual(['ann', 'bob', 'eve'])
})

test('the rest is counted together, and whoever had a name loses it only to the much busier', () => {
  const series = new TenantSeries(1)
  ask(series, 'first', 10)
  ask(series, 'rival', 15)
  series.rank()
  expect(names(series)).toEqual(['first'])
  expect(series.others.requests[0]).toBe(15)
  ask(series, 'rival', 40)
  series.rank()
  expect(names(series)).toEqual(['rival'])
  ask(series, 'rival', 2)
  expect(series.named()[0]?.[1].requests[0]).toBe(2)
})

test('counts by class of status, and never lets the others go down', () => {
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
