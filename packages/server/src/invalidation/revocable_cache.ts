import { ClockCache, type ClockEntry } from '../lib/clock_cache.ts'
import { type Deadline, rejectAfter } from '../lib/deadline.ts'
import { unavailable } from '../lib/errors.ts'
import { elapsedMs, type Moment, momentNow, ReusableMoment } from './heartbeat.ts'
import { type InvalidationListener, MAX_AGE_MS } from './listener.ts'

/** What was read, and what it was made of. */
export interface LoadResult<V> {
  value: V
  /** What is announced when it must be read again. */
  dependsOn: readonly string[]
  /** For how long it holds even if nothing is announced, from when it was asked for; for ever unless said. */
  validMs?: number
  /** False for what nobody announces the end of. */
  cacheable?: boolean
}

/** A value as it was at some time since the moment that this is. */
export interface CacheEntry<V> extends Moment, ClockEntry {
  readonly value: V
  readonly dependsOn: readonly string[]
  /** From that moment; for ever unless said. */
  readonly validMs: number | undefined
  /** What it is the answer to: it says nothing of anything else. */
  readonly key: string
  /** Nothing it depends on was announced up to here. */
  position: number
}

/** How questions are answered: `ask` is what is asked about, `by` what else it takes to find out. */
export interface RevocableCacheSettings<V, Ask, By> {
  /** Where the answer is kept. */
  keyOf(ask: Ask, by: By): string
  /** Is what was found under the key the answer to this? */
  matches(answer: CacheEntry<V>, ask: Ask, by: By): boolean
  /** Calls `begin` where it first has to wait, for a turn, when it really begins. */
  load(ask: Ask, by: By, begin: () => void): Promise<LoadResult<V>>
  max: number
  /** Room of their own for answers that there is nothing: they are what anybody can make many of. */
  maxNegative?: number
  listener: InvalidationListener
  uncachedLookups: UncachedLookups
  /** How long one read may take with all its tries, in milliseconds, before nobody joins it any more. */
  loadMs: number
}

const MAX_TRIES = 3
// Beyond the wait for a connection: where that is what failed, its own error says so.
const MARGIN_MS = 100

/**
 * Answers that somebody may revoke at any time. One is used while the feed is fresh and nothing it
 * depends on was announced since its reading began; whether that is so is asked at each use, so an
 * old answer that is written back too late is never served. To use one that is known allocates nothing.
 */
export class RevocableCache<V, Ask, By> {
  readonly #positive: ClockCache<CacheEntry<V>>
  readonly #negative: ClockCache<CacheEntry<V>>
  readonly #loading = new Map<string, Promise<CacheEntry<V>>>()
  readonly #settings: RevocableCacheSettings<V, Ask, By>
  readonly #now = new ReusableMoment()
  readonly counts = { hits: 0, misses: 0 }

  constructor(settings: RevocableCacheSettings<V, Ask, By>) {
    this.#settings = settings
    this.#positive = new ClockCache(settings.max)
    this.#negative = new ClockCache(settings.maxNegative ?? 1)
  }

  /** How many answers are remembered. */
  get size(): number {
    return this.#positive.size
  }

  /** How many answers that there is nothing. */
  get negativeSize(): number {
    return this.#negative.size
  }

  /**
   * The answer, by one `read` however many ask at once; `had` itself, while it holds and where it was
   * the answer to this. What is known is given at once, and not as a promise. Throws 503, also where it
   * takes longer than there is patience.
   */
  get(
    ask: Ask,
    by: By,
    deadline: Deadline,
    had?: CacheEntry<V> | undefined,
  ): CacheEntry<V> | Promise<CacheEntry<V>> {
    const key = this.#settings.keyOf(ask, by)
    const now = this.#now.read()
    if (had?.key === key && this.#settings.matches(had, ask, by) && this.#isValidAt(had, now))
      return had
    const known = this.#settings.listener.isFresh(now) ? this.#find(key) : undefined
    if (
      known !== undefined &&
      this.#settings.matches(known, ask, by) &&
      this.#isValidAt(known, now)
    ) {
      this.counts.hits++
      return known
    }
    this.counts.misses++
    return this.#waitFor(key, ask, by, deadline)
  }

  /** May it still be used? Without a feed, for as long as anything may be out of date. */
  isValid(answer: CacheEntry<V>): boolean {
    return this.#isValidAt(answer, this.#now.read())
  }

  #find(key: string): CacheEntry<V> | undefined {
    return this.#positive.get(key) ?? this.#negative.get(key)
  }

  #isValidAt(answer: CacheEntry<V>, now: Moment): boolean {
    const { listener } = this.#settings
    const age = elapsedMs(answer, now)
    if (answer.validMs !== undefined && age >= answer.validMs) return false
    if (listener.log.changedSince(answer.position, answer.dependsOn)) return false
    answer.position = listener.log.position
    return age <= MAX_AGE_MS || listener.isFresh(now)
  }

  // Apart from get(): what a function hands to a closure it allocates wherever it returns.
  #waitFor(key: string, ask: Ask, by: By, deadline: Deadline): Promise<CacheEntry<V>> {
    return deadline.wait((ms) => rejectAfter(ms + MARGIN_MS, this.#lookUp(key, ask, by)))
  }

  async #lookUp(key: string, ask: Ask, by: By): Promise<CacheEntry<V>> {
    const { listener, uncachedLookups, matches: fits } = this.#settings
    const read = () => this.#load(key, ask, by)
    if (!listener.isFresh()) return uncachedLookups.run(read)
    const answer = await (this.#loading.get(key) ?? this.#loadOnce(key, ask, by))
    return fits(answer, ask, by) ? answer : read()
  }

  #loadOnce(key: string, ask: Ask, by: By): Promise<CacheEntry<V>> {
    const reading = this.#load(key, ask, by, (answer) => this.#store(answer)).finally(() =>
      this.#loading.delete(key),
    )
    this.#loading.set(key, reading)
    return reading
  }

  #store(answer: CacheEntry<V>): void {
    const isNothing = answer.value === undefined
    const [room, other] = isNothing
      ? [this.#negative, this.#positive]
      : [this.#positive, this.#negative]
    other.delete(answer.key)
    room.set(answer.key, answer)
  }

  // What was announced while it was read may or may not be in it.
  async #load(
    key: string,
    ask: Ask,
    by: By,
    remember?: (answer: CacheEntry<V>) => void,
  ): Promise<CacheEntry<V>> {
    const deadline = performance.now() + this.#settings.loadMs + MARGIN_MS
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      let begun = this.#begin()
      const begin = () => {
        begun = this.#begin()
      }
      const read = this.#settings.load(ask, by, begin)
      const loaded = await rejectAfter(deadline - performance.now(), read)
      const answer = entryOf(key, loaded, begun)
      if (!this.isValid(answer)) continue
      if (loaded.cacheable !== false) remember?.(answer)
      return answer
    }
    throw unavailable('server.permissions_changing', 'The server is busy; try again')
  }

  #begin(): Begun {
    return { readAt: momentNow(), position: this.#settings.listener.log.position }
  }
}

interface Begun {
  readAt: Moment
  position: number
}

// Flat, and all of one shape: there are a hundred thousand of them.
function entryOf<V>(
  key: string,
  { value, dependsOn, validMs: holdsMs }: LoadResult<V>,
  { readAt: { monotonic, wall }, position }: Begun,
): CacheEntry<V> {
  return { key, value, dependsOn, validMs: holdsMs, monotonic, wall, position, used: false }
}

/** Reads without a cache: so many at once, and no more. */
export class UncachedLookups {
  readonly #max: number
  #running = 0

  constructor(max: number) {
    this.#max = max
  }

  async run<T>(read: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#max) {
      throw unavailable('server.invalidation_stale', 'The server is busy; try again')
    }
    this.#running++
    try {
      return await read()
    } finally {
      this.#running--
    }
  }
}
