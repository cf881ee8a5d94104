/** A value in a ClockCache. An entry must be in one cache only, because the cache writes to it. */
export interface ClockEntry {
  /** The reference bit: the entry was read since the cache last considered evicting it. */
  used: boolean
}

// Clearing the bits of a hundred thousand used entries would block the event loop for tens of
// milliseconds.
const MAX_CHANCES = 1_000

/**
 * A bounded cache that evicts with the second-chance (CLOCK) algorithm: the oldest entry goes, unless
 * it was used, in which case its bit is cleared and it becomes the newest. A hit costs a Map look-up
 * and a write, where an LRU list would have to be reordered.
 */
export class ClockCache<V extends ClockEntry> {
  readonly #max: number
  // In insertion order: oldest first.
  readonly #entries = new Map<string, V>()
  // Kept from eviction to eviction: a new iterator would visit every slot that deletions have left
  // since the Map last grew. Created on first use, because an iterator keeps a table alive that the
  // Map has outgrown.
  #oldest: MapIterator<string> | undefined

  constructor(max: number) {
    this.#max = max
  }

  get size(): number {
    return this.#entries.size
  }

  get(key: string): V | undefined {
    const value = this.#entries.get(key)
    if (value !== undefined) value.used = true
    return value
  }

  set(key: string, value: V): void {
    if (this.#entries.size >= this.#max && !this.#entries.has(key)) this.#makeRoom()
    this.#entries.set(key, value)
  }

  delete(key: string): void {
    this.#entries.delete(key)
  }

  // After MAX_CHANCES used entries in a row, a used one is evicted.
  #makeRoom(): void {
    for (let chances = MAX_CHANCES; ; chances--) {
      const key = this.#oldestKey()
      const value = this.#entries.get(key)
      this.#entries.delete(key)
      if (value?.used !== true || chances === 0) return
      value.used = false
      this.#entries.set(key, value)
    }
  }

  #oldestKey(): string {
    for (;;) {
      this.#oldest ??= this.#entries.keys()
      const { done, value } = this.#oldest.next()
      if (done !== true) return value
      this.#oldest = undefined
    }
  }
}
