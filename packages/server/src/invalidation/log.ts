/** Announced for all there is: a change too large to list, or a time when nobody listened. */
export const EVERYTHING = '*'

const MAX_REMEMBERED = 50_000

/**
 * What was announced lately, in order. An answer remembers the position at which it began to be
 * read, and holds as long as nothing it depends on was announced behind that position.
 */
export class InvalidationLog {
  /** Position of the last announcement of each id, oldest first. */
  readonly #last = new Map<string, number>()
  readonly #max: number
  /** Up to here announcements were forgotten: whatever is older counts as changed. */
  #forgotten = 0
  #position = 0

  constructor(max = MAX_REMEMBERED) {
    this.#max = max
  }

  get position(): number {
    return this.#position
  }

  /** Takes `kind:id`, or a word of its own. */
  add(announced: string): void {
    this.#position++
    if (announced === EVERYTHING) this.#forgetAll()
    else this.#remember(idOf(announced))
  }

  /** Was any of these ids announced behind `position`? */
  changedSince(position: number, ids: readonly string[]): boolean {
    if (position === this.#position) return false
    if (position < this.#forgotten) return true
    for (const id of ids) if ((this.#last.get(id) ?? 0) > position) return true
    return false
  }

  #forgetAll(): void {
    this.#last.clear()
    this.#forgotten = this.#position
  }

  #remember(id: string): void {
    this.#last.delete(id)
    this.#last.set(id, this.#position)
    if (this.#last.size <= this.#max) return
    for (const [oldest, position] of this.#last) {
      this.#last.delete(oldest)
      this.#forgotten = position
      return
    }
  }
}

// No two things have one id, whatever their kinds: answers share the ids that they hold anyway, and
// need no text of kind and id for each.
function idOf(announced: string): string {
  return announced.slice(announced.indexOf(':') + 1)
}
