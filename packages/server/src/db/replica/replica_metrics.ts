import { counter, gauge, type Metric } from '../../lib/metric.ts'
import type { ReadReplica } from './read_replica.ts'

/** How far the replica is behind, and how many reads it takes from the primary. None without one. */
export function replicaMetrics(replica: ReadReplica | undefined): Metric[] {
  if (replica === undefined) return []
  return [
    gauge(
      'tenantry_replica_lag_seconds',
      'How old the state of the replica may be. +Inf while that is not known.',
      [],
      () => [[{}, replica.lagMs() / 1_000]],
    ),
    counter('tenantry_replica_reads_total', 'Reads that were sent to the replica.', [], () => [
      [{}, replica.counts.reads],
    ]),
    counter(
      'tenantry_replica_fallbacks_total',
      'Reads that failed on the replica and were repeated on the primary.',
      [],
      () => [[{}, replica.counts.fallbacks]],
    ),
  ]
}
