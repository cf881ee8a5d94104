import { gauge, type Metric, type Sample } from '../lib/metric.ts'
import type { PoolStats } from './open_database.ts'

/** The connections of each pool, by database role. */
export function poolMetrics(stats: () => PoolStats[]): Metric[] {
  const perRole = (of: (pool: PoolStats) => Sample[]) => () => stats().flatMap(of)
  return [
    gauge(
      'tenantry_db_connections',
      'Open connections, by database role.',
      ['role', 'state'],
      perRole(({ role, inUse, idle }) => [
        [{ role, state: 'in_use' }, inUse],
        [{ role, state: 'idle' }, idle],
      ]),
    ),
    gauge(
      'tenantry_db_connections_max',
      'The size of the pool.',
      ['role'],
      perRole(({ role, max }) => [[{ role }, max]]),
    ),
    gauge(
      'tenantry_db_waiting',
      'Callers waiting for a connection.',
      ['role'],
      perRole(({ role, waiting }) => [[{ role }, waiting]]),
    ),
  ]
}
