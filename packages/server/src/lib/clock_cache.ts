/** What RecentlyUsed keeps. A value is kept in one place only. */
export interface ClockEntry {
  /** The mark of whoever keeps it: was it asked for since its turn to go last came? */
  used: boolean
}

// A round over a hundred thousand in use would stop the event loop for tens of milliseconds.
const MAX_CHANCES = 1_000

/**
 * So many values and no more, by key. Where one has to go it is the oldest, unless it was asked for:
 * then it stays, and is the newest (second chance, or CLOCK). To find a value moves nothing, as in a
 * list by last use it would: it costs a look into a Map and a mark.
 */
export class ClockCache<V extends ClockEntry> {
  readonly #max: number
  // Oldest first.
  readonly #kept = new Map<string, V>()
  // One that goes on: a new one would look at every place that was left since the Map last grew. Made
  // when it is first needed, as tables that a Map has outgrown stay while an iterator stands in them.
  #oldest: MapIterator<string> | undefined

  constructor(max: number) {
    this.#max = max
  }

  get size(): number {
    return this.#kept.size
  }

  get(key: string): V | undefined {
    const value = this.#kept.get(key)
    if (value !== undefined) value.used = true
    return value
  }

  set(key: string, value: V): void {
    if (this.#kept.size >= this.#max && !this.#kept.has(key)) this.#makeRoom()
    this.#kept.set(key, value)
  }

  delete(key: string): void {
    this.#kept.delete(key)
  }

  // Where so many in a row are in use, one of them goes.
  #makeRoom(): void {
    for (let chances = MAX_CHANCES; ; chances--) {
      const key = this.#oldestKey()
      const value = this.#kept.get(key)
      this.#kept.delete(key)
      if (value?.used !== true || chances === 0) return
      value.used = false
      this.#kept.set(key, value)
    }
  }

  #oldestKey(): string {
    for (;;) {
      this.#oldest ??= this.#kept.keys()
      const { done, value } = this.#oldest.next()
      if (done !== true) return value
      this.#oldest = undefined
    }
  }
}
