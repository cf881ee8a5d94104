import { counter, gauge, type Metric, type Sample } from '../lib/metric.ts'

/** What a cache counts. */
export interface CacheStats {
  readonly size: number
  readonly counts: { hits: number; misses: number }
}

/** Size, hits and misses of caches, by name. */
export function cacheMetrics(caches: Readonly<Record<string, CacheStats>>): Metric[] {
  const perCache = (of: (cache: CacheStats) => number) => (): Sample[] =>
    Object.entries(caches).map(([cache, it]) => [{ cache }, of(it)])
  const labels = ['cache']
  return [
    gauge(
      'tenantry_cache_entries',
      'Cached entries.',
      labels,
      perCache((it) => it.size),
    ),
    counter(
      'tenantry_cache_hits_total',
      'Hits.',
      labels,
      perCache((it) => it.counts.hits),
    ),
    counter(
      'tenantry_cache_misses_total',
      'Misses.',
      labels,
      perCache((it) => it.counts.misses),
    ),
  ]
}
