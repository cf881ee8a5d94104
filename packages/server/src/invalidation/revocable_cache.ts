import { type Kept, RecentlyUsed } from '../lib/clock_cache.ts'
import { unavailable } from '../lib/errors.ts'
import { type Patience, within } from '../lib/wait_budget.ts'
import { between, Clocks, type Moment, momentNow } from './heartbeat.ts'
import { type Feed, MAX_AGE_MS } from './listener.ts'

/** What was read, and what it was made of. */
export interface Loaded<V> {
  value: V
  /** What is announced when it must be read again. */
  dependsOn: readonly string[]
  /** For how long it holds even if nothing is announced, from when it was asked for; for ever unless said. */
  holdsMs?: number
  /** False for what nobody announces the end of. */
  cacheable?: boolean
}

/** A value as it was at some time since the moment that this is. */
export interface Answer<V> extends Moment, Kept {
  readonly value: V
  readonly dependsOn: readonly string[]
  /** From that moment; for ever unless said. */
  readonly holdsMs: number | undefined
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
  fits(answer: Answer<V>, ask: Ask, by: By): boolean
  /** Calls `begin` where it first has to wait, for a turn, when it really begins. */
  read(ask: Ask, by: By, begin: () => void): Promise<Loaded<V>>
  max: number
  /** Room of their own for answers that there is nothing: they are what anybody can make many of. */
  maxNothing?: number
  feed: Feed
  directReads: DirectReads
  /** How long one read may take with all its tries, in milliseconds, before nobody joins it any more. */
  readMs: number
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
  readonly #something: RecentlyUsed<Answer<V>>
  readonly #nothing: RecentlyUsed<Answer<V>>
  readonly #reading = new Map<string, Promise<Answer<V>>>()
  readonly #settings: RevocableCacheSettings<V, Ask, By>
  readonly #now = new Clocks()
  readonly counts = { hits: 0, misses: 0 }

  constructor(settings: RevocableCacheSettings<V, Ask, By>) {
    this.#settings = settings
    this.#something = new RecentlyUsed(settings.max)
    this.#nothing = new RecentlyUsed(settings.maxNothing ?? 1)
  }

  /** How many answers are remembered. */
  get size(): number {
    return this.#something.size
  }

  /** How many answers that there is nothing. */
  get nothingSize(): number {
    return this.#nothing.size
  }

  /**
   * The answer, by one `read` however many ask at once; `had` itself, while it holds and where it was
   * the answer to this. What is known is given at once, and not as a promise. Throws 503, also where it
   * takes longer than there is patience.
   */
  get(
    ask: Ask,
    by: By,
    patience: Patience,
    had?: Answer<V> | undefined,
  ): Answer<V> | Promise<Answer<V>> {
    const key = this.#settings.keyOf(ask, by)
    const now = this.#now.read()
    if (had?.key === key && this.#settings.fits(had, ask, by) && this.#holds(had, now)) return had
    const known = this.#settings.feed.isFresh(now) ? this.#known(key) : undefined
    if (known !== undefined && this.#settings.fits(known, ask, by) && this.#holds(known, now)) {
      this.counts.hits++
      return known
    }
    this.counts.misses++
    return this.#askPatiently(key, ask, by, patience)
  }

  /** May it still be used? Without a feed, for as long as anything may be out of date. */
  holds(answer: Answer<V>): boolean {
    return this.#holds(answer, this.#now.read())
  }

  #known(key: string): Answer<V> | undefined {
    return this.#something.get(key) ?? this.#nothing.get(key)
  }

  #holds(answer: Answer<V>, now: Moment): boolean {
    const { feed } = this.#settings
    const age = between(answer, now)
    if (answer.holdsMs !== undefined && age >= answer.holdsMs) return false
    if (feed.announcements.changedSince(answer.position, answer.dependsOn)) return false
    answer.position = feed.announcements.position
    return age <= MAX_AGE_MS || feed.isFresh(now)
  }

  // Apart from get(): what a function hands to a closure it allocates wherever it returns.
  #askPatiently(key: string, ask: Ask, by: By, patience: Patience): Promise<Answer<V>> {
    return patience.spend((ms) => within(ms + MARGIN_MS, this.#ask(key, ask, by)))
  }

  async #ask(key: string, ask: Ask, by: By): Promise<Answer<V>> {
    const { feed, directReads, fits } = this.#settings
    const read = () => this.#read(key, ask, by)
    if (!feed.isFresh()) return directReads.run(read)
    const answer = await (this.#reading.get(key) ?? this.#readOnce(key, ask, by))
    return fits(answer, ask, by) ? answer : read()
  }

  #readOnce(key: string, ask: Ask, by: By): Promise<Answer<V>> {
    const reading = this.#read(key, ask, by, (answer) => this.#remember(answer)).finally(() =>
      this.#reading.delete(key),
    )
    this.#reading.set(key, reading)
    return reading
  }

  #remember(answer: Answer<V>): void {
    const isNothing = answer.value === undefined
    const [room, other] = isNothing
      ? [this.#nothing, this.#something]
      : [this.#something, this.#nothing]
    other.delete(answer.key)
    room.set(answer.key, answer)
  }

  // What was announced while it was read may or may not be in it.
  async #read(
    key: string,
    ask: Ask,
    by: By,
    remember?: (answer: Answer<V>) => void,
  ): Promise<Answer<V>> {
    const deadline = performance.now() + this.#settings.readMs + MARGIN_MS
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      let begun = this.#begin()
      const begin = () => {
        begun = this.#begin()
      }
      const read = this.#settings.read(ask, by, begin)
      const loaded = await within(deadline - performance.now(), read)
      const answer = answerOf(key, loaded, begun)
      if (!this.holds(answer)) continue
      if (loaded.cacheable !== false) remember?.(answer)
      return answer
    }
    throw unavailable('server.rights_changing', 'The server is busy; try again')
  }

  #begin(): Begun {
    return { readAt: momentNow(), position: this.#settings.feed.announcements.position }
  }
}

interface Begun {
  readAt: Moment
  position: number
}

// Flat, and all of one shape: there are a hundred thousand of them.
function answerOf<V>(
  key: string,
  { value, dependsOn, holdsMs }: Loaded<V>,
  { readAt: { monotonic, wall }, position }: Begun,
): Answer<V> {
  return { key, value, dependsOn, holdsMs, monotonic, wall, position, used: false }
}

/** Reads without a cache: so many at once, and no more. */
export class DirectReads {
  readonly #max: number
  #running = 0

  constructor(max: number) {
    this.#max = max
  }

  async run<T>(read: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#max) {
      throw unavailable('server.no_feed', 'The server is busy; try again')
    }
    this.#running++
    try {
      return await read()
    } finally {
      this.#running--
    }
  }
}
