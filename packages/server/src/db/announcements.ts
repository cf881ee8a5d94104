/** Announced for all there is: a change too large to list, or a time when nobody listened. */
export const EVERYTHING = '*'

const MAX_REMEMBERED = 50_000

/**
 * What was announced lately, in order. An answer remembers the position at which it began to be
 * read, and holds as long as nothing it depends on was announced behind that position.
 */
export class Announcements {
  /** Position of the last announcement of each key, oldest first. */
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

  add(key: string): void {
    this.#position++
    if (key === EVERYTHING) this.#forgetAll()
    else this.#remember(key)
  }

  /** Was any of these keys announced behind `position`? */
  changedSince(position: number, keys: readonly string[]): boolean {
    if (position === this.#position) return false
    if (position < this.#forgotten) return true
    return keys.some((key) => (this.#last.get(key) ?? 0) > position)
  }

  #forgetAll(): void {
    this.#last.clear()
    this.#forgotten = this.#position
  }

  #remember(key: string): void {
    this.#last.delete(key)
    this.#last.set(key, this.#position)
    if (this.#last.size <= this.#max) return
    for (const [oldest, position] of this.#last) {
      this.#last.delete(oldest)
      this.#forgotten = position
      return
    }
  }
}
