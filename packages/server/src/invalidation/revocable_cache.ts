import { ClockCache, type ClockEntry } from '../lib/cache/clock_cache.ts'
import { type Deadline, rejectAfter } from '../lib/deadline.ts'
import { unavailable } from '../lib/errors.ts'
import { type Moment, momentNow } from '../lib/time/moment.ts'
import type { Stamped } from './freshness.ts'
import type { InvalidationListener } from './listener.ts'
import type { UncachedLookups } from './uncached_lookups.ts'

/** What a load returns. */
export interface LoadResult<V> {
  value: V
  /** The ids whose invalidation makes the value stale. */
  dependsOn: readonly string[]
  /** How long the value is valid without an invalidation, from the start of its load. Default: for ever. */
  validMs?: number
  /** False for a value whose end no trigger reports, such as "there is no such session". */
  cacheable?: boolean
}

/** A cached value, stamped with the moment its load began. */
export interface CacheEntry<V> extends Stamped, ClockEntry {
  readonly value: V
  /** The key it was loaded for. The entry must not be used for any other key. */
  readonly key: string
}

/** What every cache of a process shares. */
export interface CacheSources {
  listener: InvalidationListener
  uncachedLookups: UncachedLookups
  /** How long one load may take with all its attempts, in milliseconds. */
  loadMs: number
}

/** How values are found: `ask` is the question, `by` what else a load needs. */
export interface RevocableCacheSettings<V, Ask, By> extends CacheSources {
  /** Loads a value. A load that has to queue calls `begin` when its database query starts. */
  load(ask: Ask, by: By, begin: () => void): Promise<LoadResult<V>>
  max: number
  /** Room for negative entries, apart from `max`: any client can cause many of them. */
  maxNegative?: number
}

const MAX_ATTEMPTS = 3
// Longer than the wait for a connection, so that the more exact error of that wait is the one reported.
const MARGIN_MS = 100

/**
 * Caches values that any process may revoke at any time. An entry is used while the listener is fresh
 * and the log has no invalidation of it since its load began. Both are checked at each use, so an
 * entry that a slow load stores too late is never served. A hit allocates nothing.
 */
export class RevocableCache<V, Ask, By> {
  readonly #positive: ClockCache<CacheEntry<V>>
  readonly #negative: ClockCache<CacheEntry<V>>
  readonly #loading = new Map<string, Promise<CacheEntry<V>>>()
  readonly #settings: RevocableCacheSettings<V, Ask, By>
  readonly counts = { hits: 0, misses: 0 }

  constructor(settings: RevocableCacheSettings<V, Ask, By>) {
    this.#settings = settings
    this.#positive = new ClockCache(settings.max)
    this.#negative = new ClockCache(settings.maxNegative ?? 1)
  }

  /** The number of entries with a value. */
  get size(): number {
    return this.#positive.size
  }

  /** The number of negative entries: those whose value is undefined. */
  get negativeSize(): number {
    return this.#negative.size
  }

  /**
   * The entry under a key, loaded with `ask` and `by` where there is none. `previous` is returned as it
   * is while it is current; concurrent callers share one load. A hit is returned synchronously, not as
   * a promise. Throws 503, also when the load takes longer than the deadline.
   */
  get(
    key: string,
    ask: Ask,
    by: By,
    deadline: Deadline,
    previous?: CacheEntry<V> | undefined,
  ): CacheEntry<V> | Promise<CacheEntry<V>> {
    const { listener } = this.#settings
    const now = listener.now()
    if (previous?.key === key && listener.isCurrent(previous, now)) return previous
    const entry = listener.isFresh(now)
      ? (this.#positive.get(key) ?? this.#negative.get(key))
      : undefined
    if (entry !== undefined && listener.isCurrent(entry, now)) {
      this.counts.hits++
      return entry
    }
    this.counts.misses++
    return this.#lookUpInTime(key, ask, by, deadline)
  }

  // Not inlined in get(): V8 allocates a context for a closure's variables even on a hit.
  #lookUpInTime(key: string, ask: Ask, by: By, deadline: Deadline): Promise<CacheEntry<V>> {
    return deadline.wait((ms) => rejectAfter(ms + MARGIN_MS, this.#lookUp(key, ask, by)))
  }

  async #lookUp(key: string, ask: Ask, by: By): Promise<CacheEntry<V>> {
    const { listener, uncachedLookups } = this.#settings
    if (!listener.isFresh()) return uncachedLookups.run(() => this.#load(key, ask, by))
    return this.#loading.get(key) ?? this.#loadShared(key, ask, by)
  }

  #loadShared(key: string, ask: Ask, by: By): Promise<CacheEntry<V>> {
    const loading = this.#load(key, ask, by, (entry) => this.#store(entry)).finally(() =>
      this.#loading.delete(key),
    )
    this.#loading.set(key, loading)
    return loading
  }

  #store(entry: CacheEntry<V>): void {
    const isNegative = entry.value === undefined
    const [cache, other] = isNegative
      ? [this.#negative, this.#positive]
      : [this.#positive, this.#negative]
    other.delete(entry.key)
    cache.set(entry.key, entry)
  }

  // A load that an invalidation overtook may or may not contain the change: it is repeated.
  async #load(
    key: string,
    ask: Ask,
    by: By,
    store?: (entry: CacheEntry<V>) => void,
  ): Promise<CacheEntry<V>> {
    const { listener } = this.#settings
    const endsAt = performance.now() + this.#settings.loadMs + MARGIN_MS
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      let begun = this.#begin()
      const begin = () => {
        begun = this.#begin()
      }
      const loading = this.#settings.load(ask, by, begin)
      const loaded = await rejectAfter(endsAt - performance.now(), loading)
      const entry = entryOf(key, loaded, begun)
      if (!listener.isCurrent(entry, listener.now())) continue
      if (loaded.cacheable !== false) store?.(entry)
      return entry
    }
    throw unavailable('server.permissions_changing', 'The server is busy; try again')
  }

  #begin(): LoadStart {
    return { at: momentNow(), position: this.#settings.listener.log.position }
  }
}

interface LoadStart {
  at: Moment
  position: number
}

// Flat, and always with the same properties in the same order: a process holds 100,000 of them.
function entryOf<V>(
  key: string,
  { value, dependsOn, validMs }: LoadResult<V>,
  { at: { monotonic, wall }, position }: LoadStart,
): CacheEntry<V> {
  return { key, value, dependsOn, validMs, monotonic, wall, position, used: false }
}
