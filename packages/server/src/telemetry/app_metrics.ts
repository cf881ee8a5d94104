import type { Passwords } from '../access/passwords.ts'
import type { Lookups } from '../access/session_cache.ts'
import type { Refusals } from '../audit/rejections.ts'
import type { PoolFigures } from '../db/open_database.ts'
import type { TenantLimits } from '../http/tenant_limits.ts'
import type { Background } from '../jobs/background.ts'
import { counter, type Figure, gauge, type Reading } from './metric.ts'

/** The parts of an app that can say how they do. */
export interface Watched {
  pools: { figures(): PoolFigures[] }
  lookups: Pick<Lookups, 'figures'>
  passwords: Pick<Passwords, 'figures'>
  limits: Pick<TenantLimits, 'figures'>
  refusals: Pick<Refusals, 'figures'>
  background: Pick<Background, 'figures'>
}

/** What there is to know of an app besides its requests. */
export function appFigures(watched: Watched): Figure[] {
  return [
    ...poolFigures(watched),
    ...cacheFigures(watched),
    ...feedFigures(watched),
    ...queueFigures(watched),
    ...unseenFigures(watched),
  ]
}

function poolFigures({ pools }: Watched): Figure[] {
  const perDoor = (of: (pool: PoolFigures) => Reading[]) => () => pools.figures().flatMap(of)
  const states = perDoor(({ door, inUse, idle }) => [
    [{ door, state: 'in_use' }, inUse],
    [{ door, state: 'idle' }, idle],
  ])
  const max = perDoor(({ door, max }) => [[{ door }, max]])
  const waiting = perDoor(({ door, waiting }) => [[{ door }, waiting]])
  return [
    gauge('tenantry_db_connections', 'Connections, by door.', ['door', 'state'], states),
    gauge('tenantry_db_connections_max', 'How many there may be.', ['door'], max),
    gauge('tenantry_db_waiting', 'How many wait for a connection.', ['door'], waiting),
  ]
}

function cacheFigures({ lookups }: Watched): Figure[] {
  const perCache = (figure: 'size' | 'hits' | 'misses') => (): Reading[] => {
    const { tenants, actors, tokens } = lookups.figures()
    return Object.entries({ tenants, actors, tokens }).map(([cache, it]) => [{ cache }, it[figure]])
  }
  return [
    gauge('tenantry_cache_entries', 'Remembered answers.', ['cache'], perCache('size')),
    counter('tenantry_cache_hits_total', 'Answered from memory.', ['cache'], perCache('hits')),
    counter('tenantry_cache_misses_total', 'Read anew.', ['cache'], perCache('misses')),
  ]
}

function feedFigures({ lookups }: Watched): Figure[] {
  const age = () => (lookups.figures().feedAgeMs ?? Number.POSITIVE_INFINITY) / 1000
  return [
    gauge('tenantry_feed_age_seconds', 'Since the last beat that returned was sent.', [], age),
    gauge('tenantry_feed_fresh', '1 while changes of rights are heard, else 0.', [], () =>
      Number(lookups.figures().fresh),
    ),
    counter(
      'tenantry_feed_failures_total',
      'Connections of the feed lost or not made.',
      [],
      () => lookups.figures().feedFailures,
    ),
  ]
}

function queueFigures({ passwords, limits }: Watched): Figure[] {
  const perLane = (figure: 'running' | 'waiting' | 'refused') => (): Reading[] =>
    Object.entries(limits.figures()).map(([lane, it]) => [{ lane }, it[figure]])
  return [
    gauge('tenantry_queue_running', 'Requests at work.', ['lane'], perLane('running')),
    gauge('tenantry_queue_waiting', 'Requests that wait their turn.', ['lane'], perLane('waiting')),
    counter('tenantry_queue_refused_total', 'Had no turn: 503.', ['lane'], perLane('refused')),
    gauge(
      'tenantry_hashing_running',
      'Passwords being hashed.',
      [],
      () => passwords.figures().running,
    ),
    gauge(
      'tenantry_hashing_waiting',
      'Passwords that wait to be hashed.',
      [],
      () => passwords.figures().waiting,
    ),
  ]
}

function unseenFigures({ refusals, background }: Watched): Figure[] {
  const perFate = () =>
    Object.entries(refusals.figures()).map(([fate, it]): Reading => [{ fate }, it])
  const perWork = () =>
    [...background.figures().failed].map(([work, count]): Reading => [{ work }, count])
  return [
    counter('tenantry_refusals_total', 'Refusals for the audit log.', ['fate'], perFate),
    gauge(
      'tenantry_background_pending',
      'Work that no reply waits for.',
      [],
      () => background.figures().pending,
    ),
    counter('tenantry_background_failures_total', 'Such work that failed.', ['work'], perWork),
  ]
}
