import { counter, gauge, type Metric } from '../lib/metric.ts'
import type { InvalidationListener } from './listener.ts'

/** Whether this process receives invalidations, and how long ago that was last proven. */
export function listenerMetrics(listener: InvalidationListener): Metric[] {
  return [
    gauge(
      'tenantry_invalidation_age_seconds',
      'Time since the last heartbeat that returned was sent.',
      [],
      () => listener.age() / 1000,
    ),
    gauge(
      'tenantry_invalidation_live',
      '1 while the listener is fresh, 0 while it is stale.',
      [],
      () => Number(listener.isFresh()),
    ),
    counter(
      'tenantry_invalidation_failures_total',
      'Connections of the listener that were lost or could not be opened.',
      [],
      () => listener.failures(),
    ),
  ]
}
