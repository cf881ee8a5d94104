import { AppError, unavailable } from '../lib/errors.ts'
import type { MaybePromise } from '../lib/maybe_promise.ts'
import type { Patience } from '../lib/wait_budget.ts'

/** Work that holds its slot for longer, in milliseconds, is given up: longer than any query may run. */
export const HUNG_MS = 60_000

/** How much of the work of many is done at once. */
export interface QueueLimits {
  /** Of all together. */
  atOnce: number
  /** How many of one key may wait. */
  waiting: number
  /** Work that takes longer, in milliseconds, no longer counts: it hangs, and nobody waits for it. */
  hungMs: number
}

/** One piece of work: whose it is, how many of theirs may be done at once, who waits and how long. */
export interface Turn {
  key: string
  atOnce: number
  client: Client
  patience: Patience
}

/** Who waits for an answer: a ServerResponse, which closes with its connection. */
export interface Client {
  readonly destroyed: boolean
  once(event: 'close', listener: () => void): unknown
  off(event: 'close', listener: () => void): unknown
}

/** What one key has in work and waiting; forgotten when that is nothing. */
interface Line {
  key: string
  atOnce: number
  running: number
  /** Lets one in. First come, first served. */
  waiting: Set<() => void>
}

/** The right to be at work: held for as long as the work takes, whether or not its client stays. */
interface Place {
  line: Line
  since: number
}

/** How a queue does, for those who watch. */
export interface QueueFigures {
  running: number
  waiting: number
  /** Told 503, since the start. */
  refused: number
}

/** Hands out turns, round and round over all who wait; first come, first served within one key. */
export class FairQueue {
  readonly #limits: QueueLimits
  readonly #lines = new Map<string, Line>()
  // Lines with somebody waiting who may go as soon as a place is free; the next one first.
  readonly #ready = new Set<Line>()
  // Oldest first.
  readonly #places = new Set<Place>()
  #refused = 0

  constructor(limits: QueueLimits) {
    this.#limits = limits
  }

  /** How many keys have work or wait. */
  get size(): number {
    return this.#lines.size
  }

  figures(): QueueFigures {
    let waiting = 0
    for (const line of this.#lines.values()) waiting += line.waiting.size
    return { running: this.#places.size, waiting, refused: this.#refused }
  }

  /**
   * Does `work` when its turn comes: now, where a place is free. Throws 503 when too many wait already,
   * or for too long; a client that leaves while waiting has no turn.
   */
  inTurn<T>(turn: Turn, work: () => Promise<T>): Promise<T>
  inTurn<T>(turn: Turn, work: () => MaybePromise<T>): MaybePromise<T>
  inTurn<T>(turn: Turn, work: () => MaybePromise<T>): MaybePromise<T> {
    if (turn.client.destroyed) throw cutOff()
    this.#giveUpHung()
    if (!this.#isFreeFor(turn)) return this.#afterOthers(turn, work)
    const result = work()
    // Work that is done already was in nobody's way.
    if (!(result instanceof Promise)) return result
    return this.#holding(this.#occupy(this.#lineOf(turn)), result)
  }

  async #afterOthers<T>(turn: Turn, work: () => MaybePromise<T>): Promise<T> {
    const place = await turn.patience.spend((ms) => this.#wait(turn, ms))
    return this.#holding(place, work)
  }

  async #holding<T>(place: Place, work: Promise<T> | (() => MaybePromise<T>)): Promise<T> {
    try {
      return await (work instanceof Promise ? work : work())
    } finally {
      this.#vacate(place)
    }
  }

  #isFreeFor({ key, atOnce }: Turn): boolean {
    if (!this.#hasRoom()) return false
    const line = this.#lines.get(key)
    return line === undefined || (line.running < atOnce && line.waiting.size === 0)
  }

  async #wait(turn: Turn, ms: number): Promise<Place> {
    const line = this.#lineOf(turn)
    if (line.waiting.size >= this.#limits.waiting) {
      this.#review(line)
      throw this.#busy()
    }
    return new Promise((resolve, reject) => {
      const leave = () => {
        clearTimeout(timer)
        turn.client.off('close', onClose)
        line.waiting.delete(start)
      }
      const start = () => {
        leave()
        resolve(this.#occupy(line))
      }
      const refuse = (error: AppError) => {
        leave()
        this.#review(line)
        reject(error)
      }
      const onClose = () => refuse(cutOff())
      const timer = setTimeout(() => refuse(this.#busy()), ms)
      turn.client.once('close', onClose)
      line.waiting.add(start)
      this.#review(line)
      // There is a place at once where this line's limit was just raised.
      this.#handOut()
    })
  }

  #busy(): AppError {
    this.#refused++
    return unavailable('tenant.busy', 'Too many requests at once; try again')
  }

  #hasRoom(): boolean {
    return this.#places.size < this.#limits.atOnce
  }

  #lineOf({ key, atOnce }: Turn): Line {
    const line = this.#lines.get(key) ?? { key, atOnce, running: 0, waiting: new Set() }
    line.atOnce = atOnce
    this.#lines.set(key, line)
    return line
  }

  #occupy(line: Line): Place {
    const place = { line, since: performance.now() }
    this.#places.add(place)
    line.running++
    return place
  }

  #vacate(place: Place): void {
    // Only once: work that was given up as hung may still end.
    if (!this.#places.delete(place)) return
    place.line.running--
    this.#review(place.line)
    this.#handOut()
  }

  #giveUpHung(): void {
    if (this.#places.size === 0) return
    const oldest = performance.now() - this.#limits.hungMs
    for (const place of this.#places) {
      if (place.since > oldest) return
      this.#vacate(place)
    }
  }

  #handOut(): void {
    for (const line of this.#ready) {
      if (!this.#hasRoom()) return
      // Behind the others, should more of this line wait.
      this.#ready.delete(line)
      const [start] = line.waiting
      start?.()
      this.#review(line)
    }
  }

  #review(line: Line): void {
    if (line.waiting.size > 0 && line.running < line.atOnce) this.#ready.add(line)
    else this.#ready.delete(line)
    if (line.running + line.waiting.size === 0) this.#lines.delete(line.key)
  }
}

// Nobody hears it; it ends the request, and says in the log why.
function cutOff(): AppError {
  return new AppError('invalid', 'request.cut_off', 'The client left before its turn came')
}
