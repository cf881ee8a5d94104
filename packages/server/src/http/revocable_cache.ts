import { LRUCache } from 'lru-cache'
import { type Moment, momentNow, since } from '../db/beats.ts'
import { type Feed, MAX_AGE_MS } from '../db/feed.ts'
import { unavailable } from '../errors.ts'
import { type Patience, within } from '../patience.ts'

/** What was read, and what it was made of. */
export interface Loaded<V> {
  value: V
  /** The announcements after which it must be read again. */
  dependsOn: readonly string[]
  /** For how long it holds even if nothing is announced, from when it was asked for; for ever unless said. */
  holdsMs?: number
  /** False for what nobody announces the end of. */
  cacheable?: boolean
}

/** Reads a value. Calls `begin` where it first has to wait, for a turn, when it really begins. */
export type Read<V> = (begin: () => void) => Promise<Loaded<V>>

/** A value as it was at some time since `readAt`. */
export interface Answer<V> extends Loaded<V> {
  /** What it is the answer to: it says nothing of anything else. */
  readonly key: string
  readonly readAt: Moment
  /** Nothing it depends on was announced up to here. */
  position: number
}

export interface RevocableCacheSettings {
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
 * old answer that is written back too late is never served.
 */
export class RevocableCache<V> {
  readonly #something: LRUCache<string, Answer<V>>
  readonly #nothing: LRUCache<string, Answer<V>>
  readonly #reading = new Map<string, Promise<Answer<V>>>()
  readonly #settings: RevocableCacheSettings
  readonly counts = { hits: 0, misses: 0 }

  constructor(settings: RevocableCacheSettings) {
    this.#settings = settings
    this.#something = new LRUCache({ max: settings.max })
    this.#nothing = new LRUCache({ max: settings.maxNothing ?? 1 })
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
   * The answer for `key`, by one `read` however many ask at once; `had` itself, while it holds and
   * where it was for that key. What is known is given at once, and not as a promise. Throws 503, also
   * where it takes longer than there is patience.
   */
  get(
    key: string,
    read: Read<V>,
    patience: Patience,
    had?: Answer<V> | undefined,
  ): Answer<V> | Promise<Answer<V>> {
    if (had?.key === key && this.holds(had)) return had
    const known = this.#settings.feed.isFresh() ? this.#known(key) : undefined
    if (known !== undefined && this.holds(known)) {
      this.counts.hits++
      return known
    }
    this.counts.misses++
    return patience.spend((ms) => within(ms + MARGIN_MS, this.#ask(key, read)))
  }

  #ask(key: string, read: Read<V>): Promise<Answer<V>> {
    const { feed, directReads } = this.#settings
    if (!feed.isFresh()) return directReads.run(() => this.#read(key, read))
    return this.#reading.get(key) ?? this.#readOnce(key, read)
  }

  /** May it still be used? Without a feed, for as long as anything may be out of date. */
  holds(answer: Answer<V>): boolean {
    const { feed } = this.#settings
    const age = since(answer.readAt)
    if (answer.holdsMs !== undefined && age >= answer.holdsMs) return false
    if (feed.announcements.changedSince(answer.position, answer.dependsOn)) return false
    answer.position = feed.announcements.position
    return age <= MAX_AGE_MS || feed.isFresh()
  }

  #readOnce(key: string, read: Read<V>): Promise<Answer<V>> {
    const reading = this.#read(key, read)
      .then((answer) => {
        if (answer.cacheable !== false) this.#remember(key, answer)
        return answer
      })
      .finally(() => this.#reading.delete(key))
    this.#reading.set(key, reading)
    return reading
  }

  #known(key: string): Answer<V> | undefined {
    return this.#something.get(key) ?? this.#nothing.get(key)
  }

  #remember(key: string, answer: Answer<V>): void {
    const isNothing = answer.value === undefined
    const [room, other] = isNothing
      ? [this.#nothing, this.#something]
      : [this.#something, this.#nothing]
    other.delete(key)
    room.set(key, answer)
  }

  // What was announced while it was read may or may not be in it.
  async #read(key: string, read: Read<V>): Promise<Answer<V>> {
    const deadline = performance.now() + this.#settings.readMs + MARGIN_MS
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      let begun = this.#moment()
      const begin = () => {
        begun = this.#moment()
      }
      const loaded = await within(deadline - performance.now(), read(begin))
      const answer = { key, ...loaded, ...begun }
      if (this.holds(answer)) return answer
    }
    throw unavailable('server.rights_changing', 'The server is busy; try again')
  }

  #moment(): Pick<Answer<V>, 'readAt' | 'position'> {
    return { readAt: momentNow(), position: this.#settings.feed.announcements.position }
  }
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
