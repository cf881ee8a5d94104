/** Invalidates every cached value: the change was too large to list, or notifications may be missing. */
export const EVERYTHING = '*'

const MAX_IDS = 50_000

/**
 * The invalidations received lately, in order. A cached value stores the position of the log at which
 * its load began; it is stale when the log has a later invalidation of an id that it depends on.
 */
export class InvalidationLog {
  /** The position of the newest invalidation of each id, oldest first. */
  readonly #last = new Map<string, number>()
  readonly #max: number
  /** Invalidations up to this position were dropped: every value loaded before it counts as stale. */
  #droppedUpTo = 0
  /** Counts the invalidations. Written here only; a field, because each request reads it. */
  position = 0

  constructor(max = MAX_IDS) {
    this.#max = max
  }

  /** Adds a payload: `kind:id`, `hosts` or EVERYTHING. */
  add(payload: string): void {
    this.position++
    if (payload === EVERYTHING) this.#dropAll()
    else this.#record(idOf(payload))
  }

  /** Whether any of these ids was invalidated after `position`. */
  changedSince(position: number, ids: readonly string[]): boolean {
    if (position === this.position) return false
    if (position < this.#droppedUpTo) return true
    for (const id of ids) if ((this.#last.get(id) ?? 0) > position) return true
    return false
  }

  #dropAll(): void {
    this.#last.clear()
    this.#droppedUpTo = this.position
  }

  #record(id: string): void {
    this.#last.delete(id)
    this.#last.set(id, this.position)
    if (this.#last.size <= this.#max) return
    for (const [oldest, position] of this.#last) {
      this.#last.delete(oldest)
      this.#droppedUpTo = position
      return
    }
  }
}

// The kind is dropped: ids are unique across kinds, and cached values can share the id strings that
// they hold anyway instead of one `kind:id` string each.
function idOf(payload: string): string {
  return payload.slice(payload.indexOf(':') + 1)
}
