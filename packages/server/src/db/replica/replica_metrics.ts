import { counter, gauge, type Metric, type Sample } from '../../lib/metric.ts'
import type { ReadReplica } from './read_replica.ts'

/** How far the replica is behind, and how many reads it takes from the primary. No numbers without one. */
export function replicaMetrics(replica: ReadReplica | undefined): Metric[] {
  const ofReplica = (read: (of: ReadReplica) => number) => (): Sample[] =>
    replica === undefined ? [] : [[{}, read(replica)]]
  return [
    gauge(
      'tenantry_replica_lag_seconds',
      'How old the state of the replica may be. +Inf while that is not known.',
      [],
      ofReplica((it) => it.lagMs() / 1_000),
    ),
    counter(
      'tenantry_replica_reads_total',
      'Reads that were sent to the replica.',
      [],
      ofReplica((it) => it.counts.reads),
    ),
    counter(
      'tenantry_replica_fallbacks_total',
      'Reads that failed on the replica and were repeated on the primary.',
      [],
      ofReplica((it) => it.counts.fallbacks),
    ),
  ]
}
