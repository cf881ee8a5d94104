import { elapsedMs, type Moment, WALL_START } from '../lib/time/moment.ts'
import type { InvalidationLog } from './log.ts'

/** A cached value's stamp: the moment its load began, and what it depends on. */
export interface Stamped extends Moment {
  readonly dependsOn: readonly string[]
  /** Counted from that moment; undefined for a value that does not expire by itself. */
  readonly validMs: number | undefined
  /** None of `dependsOn` was invalidated between the start of the load and this log position. */
  position: number
}

/** The freshness bound in milliseconds: how old the state that a cached value reflects may be. */
const MAX_AGE_MS = 1_000

/** Decides whether a cached value may be used, from the returned heartbeats and the log. */
export interface Freshness {
  /**
   * Whether every invalidation committed more than a second before `now` has arrived. Callers check
   * it at the moment they use a cached value: no timer sets a flag that a blocked event loop would miss.
   */
  isFresh(now?: Moment): boolean
  /** The current moment, in an object that the next call overwrites. */
  now(): Moment
  /**
   * Whether a cached value may be used: it has not expired, the log has no invalidation of it since its
   * load began, and it is younger than MAX_AGE_MS or the listener is fresh. Advances the entry's position.
   */
  isCurrent(entry: Stamped, now: Moment): boolean
  /** Milliseconds since the newest returned heartbeat was sent; Infinity before the first one. */
  age(now?: Moment): number
}

/** Stale until the first heartbeat returns. */
export function createFreshness(
  log: InvalidationLog,
): Freshness & { heartbeatReturned(sentAt: Moment): void } {
  let lastSentAt: Moment | undefined
  const clock: Moment = { monotonic: 0, wall: 0 }

  function now(): Moment {
    clock.monotonic = performance.now()
    clock.wall = Date.now() - WALL_START
    return clock
  }

  // This and isCurrent compute elapsed time in place: each request calls them several times.
  function isFresh(at = now()): boolean {
    if (lastSentAt === undefined) return false
    const { monotonic, wall } = lastSentAt
    return Math.max(at.monotonic - monotonic, at.wall - wall) <= MAX_AGE_MS
  }

  function isCurrent(entry: Stamped, at: Moment): boolean {
    const ageMs = Math.max(at.monotonic - entry.monotonic, at.wall - entry.wall)
    if (entry.validMs !== undefined && ageMs >= entry.validMs) return false
    if (entry.position !== log.position) {
      if (log.changedSince(entry.position, entry.dependsOn)) return false
      entry.position = log.position
    }
    if (ageMs <= MAX_AGE_MS) return true
    // As in isFresh, without the call: this is the usual case of a warm request.
    if (lastSentAt === undefined) return false
    const { monotonic, wall } = lastSentAt
    return Math.max(at.monotonic - monotonic, at.wall - wall) <= MAX_AGE_MS
  }

  return {
    now,
    isFresh,
    isCurrent,
    age: (at = now()) =>
      lastSentAt === undefined ? Number.POSITIVE_INFINITY : elapsedMs(lastSentAt, at),
    heartbeatReturned(sentAt) {
      lastSentAt = sentAt
    },
  }
}
