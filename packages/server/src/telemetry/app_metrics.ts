import type { Passwords } from '../access/passwords.ts'
import type { Lookups } from '../access/session_cache.ts'
import type { Rejections } from '../audit/rejections.ts'
import type { PoolStats } from '../db/open_database.ts'
import type { TenantLimits } from '../http/tenant_limits.ts'
import type { Background } from '../jobs/background.ts'
import { counter, gauge, type Metric, type Sample } from './metric.ts'

/** The parts of an app that can say how they do. */
export interface MetricSources {
  pools: { stats(): PoolStats[] }
  lookups: Pick<Lookups, 'stats'>
  passwords: Pick<Passwords, 'stats'>
  limits: Pick<TenantLimits, 'stats'>
  rejections: Pick<Rejections, 'stats'>
  background: Pick<Background, 'stats'>
}

/** What there is to know of an app besides its requests. */
export function appMetrics(watched: MetricSources): Metric[] {
  return [
    ...poolFigures(watched),
    ...cacheFigures(watched),
    ...feedFigures(watched),
    ...queueFigures(watched),
    ...unseenFigures(watched),
  ]
}

function poolFigures({ pools }: MetricSources): Metric[] {
  const perRole = (of: (pool: PoolStats) => Sample[]) => () => pools.stats().flatMap(of)
  const states = perRole(({ role, inUse, idle }) => [
    [{ role, state: 'in_use' }, inUse],
    [{ role, state: 'idle' }, idle],
  ])
  const max = perRole(({ role, max }) => [[{ role }, max]])
  const waiting = perRole(({ role, waiting }) => [[{ role }, waiting]])
  return [
    gauge('tenantry_db_connections', 'Connections, by role.', ['role', 'state'], states),
    gauge('tenantry_db_connections_max', 'How many there may be.', ['role'], max),
    gauge('tenantry_db_waiting', 'How many wait for a connection.', ['role'], waiting),
  ]
}

function cacheFigures({ lookups }: MetricSources): Metric[] {
  const perCache = (figure: 'size' | 'hits' | 'misses') => (): Sample[] => {
    const { tenants, actors, tokens } = lookups.stats()
    return Object.entries({ tenants, actors, tokens }).map(([cache, it]) => [{ cache }, it[figure]])
  }
  return [
    gauge('tenantry_cache_entries', 'Remembered answers.', ['cache'], perCache('size')),
    counter('tenantry_cache_hits_total', 'Answered from memory.', ['cache'], perCache('hits')),
    counter('tenantry_cache_misses_total', 'Read anew.', ['cache'], perCache('misses')),
  ]
}

function feedFigures({ lookups }: MetricSources): Metric[] {
  const age = () => (lookups.stats().feedAgeMs ?? Number.POSITIVE_INFINITY) / 1000
  return [
    gauge(
      'tenantry_invalidation_age_seconds',
      'Since the last beat that returned was sent.',
      [],
      age,
    ),
    gauge('tenantry_invalidation_live', '1 while changes of rights are heard, else 0.', [], () =>
      Number(lookups.stats().fresh),
    ),
    counter(
      'tenantry_invalidation_failures_total',
      'Connections of the feed lost or not made.',
      [],
      () => lookups.stats().feedFailures,
    ),
  ]
}

function queueFigures({ passwords, limits }: MetricSources): Metric[] {
  const perClass = (figure: 'running' | 'waiting' | 'rejected') => (): Sample[] =>
    Object.entries(limits.stats()).map(([name, it]) => [{ class: name }, it[figure]])
  return [
    gauge('tenantry_queue_running', 'Requests at work.', ['class'], perClass('running')),
    gauge(
      'tenantry_queue_waiting',
      'Requests that wait their turn.',
      ['class'],
      perClass('waiting'),
    ),
    counter('tenantry_queue_rejected_total', 'Had no turn: 503.', ['class'], perClass('rejected')),
    gauge(
      'tenantry_hashing_running',
      'Passwords being hashed.',
      [],
      () => passwords.stats().running,
    ),
    gauge(
      'tenantry_hashing_waiting',
      'Passwords that wait to be hashed.',
      [],
      () => passwords.stats().waiting,
    ),
  ]
}

function unseenFigures({ rejections, background }: MetricSources): Metric[] {
  const perOutcome = () =>
    Object.entries(rejections.stats()).map(([outcome, it]): Sample => [{ outcome }, it])
  const perWork = () =>
    [...background.stats().failed].map(([work, count]): Sample => [{ work }, count])
  return [
    counter('tenantry_rejections_total', 'Refusals for the audit log.', ['outcome'], perOutcome),
    gauge(
      'tenantry_background_pending',
      'Work that no reply waits for.',
      [],
      () => background.stats().pending,
    ),
    counter('tenantry_background_failures_total', 'Such work that failed.', ['work'], perWork),
  ]
}
