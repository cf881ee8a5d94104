import { ClockCache, type ClockEntry } from '../lib/cache/clock_cache.ts'
import { rejectAfter } from '../lib/deadline.ts'
import { unavailable } from '../lib/errors.ts'

/** Finds those of the names that lead to a tenant. */
export type LookUpNames = (names: readonly string[]) => Promise<ReadonlySet<string>>

interface Entry extends ClockEntry {
  until: number
}

const KNOWN_MS = 10_000
// A name that was just verified waits no longer than this for its certificate.
const UNKNOWN_MS = 2_000
const MAX_ENTRIES = 10_000
const MAX_NAMES = 5_000
const WAIT_MS = 2_000

/**
 * Answers whether names lead to a tenant. Anyone can open a TLS connection with any name, and the proxy does not say who
 * did, so no client can be limited. Therefore all names that wait are looked up by one statement, one at a time: a flood
 * of unknown names delays a known one by one look-up, and takes one connection.
 */
export class ServedNames {
  readonly #lookUp: LookUpNames
  readonly #now: () => number
  // Apart, so that unknown names evict no known one.
  readonly #known = new ClockCache<Entry>(MAX_ENTRIES)
  readonly #unknown = new ClockCache<Entry>(MAX_ENTRIES)
  #next: { names: Set<string>; found: Promise<ReadonlySet<string>> } | undefined
  #running: Promise<unknown> = Promise.resolve()

  constructor(lookUp: LookUpNames, now: () => number = () => performance.now()) {
    this.#lookUp = lookUp
    this.#now = now
  }

  /** Throws 503 if the look-up takes too long, or too many names wait. */
  async has(name: string): Promise<boolean> {
    if (this.#isFresh(this.#known.get(name))) return true
    if (this.#isFresh(this.#unknown.get(name))) return false
    this.#next ??= this.#open()
    const { names, found } = this.#next
    if (names.size >= MAX_NAMES && !names.has(name)) {
      throw unavailable('server.busy', 'Too many names are being looked up')
    }
    names.add(name)
    return (await rejectAfter(WAIT_MS, found)).has(name)
  }

  // Collects names until the look-up before it has ended.
  #open() {
    const names = new Set<string>()
    const found = this.#running.then(() => {
      this.#next = undefined
      return this.#find([...names])
    })
    this.#running = found.catch(() => undefined)
    return { names, found }
  }

  async #find(names: readonly string[]): Promise<ReadonlySet<string>> {
    const found = await rejectAfter(WAIT_MS, this.#lookUp(names))
    for (const name of names) {
      const isKnown = found.has(name)
      const [cache, other] = isKnown ? [this.#known, this.#unknown] : [this.#unknown, this.#known]
      cache.set(name, { used: false, until: this.#now() + (isKnown ? KNOWN_MS : UNKNOWN_MS) })
      other.delete(name)
    }
    return found
  }

  #isFresh(entry: Entry | undefined): boolean {
    return entry !== undefined && this.#now() < entry.until
  }
}
