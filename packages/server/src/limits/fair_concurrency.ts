import type { Deadline } from '../lib/deadline.ts'
import { AppError, unavailable } from '../lib/errors.ts'
import type { MaybePromise } from '../lib/maybe_promise.ts'

/** Work that holds its slot for longer, in milliseconds, is given up: longer than any query may run. */
export const HUNG_MS = 60_000

/** How much of the work of many is done at once. */
export interface ConcurrencyLimits {
  /** Of all together. */
  maxRunning: number
  /** How many of one key may wait. */
  maxWaiting: number
  /** Work that takes longer, in milliseconds, no longer counts: it hangs, and nobody waits for it. */
  hungMs: number
}

/** One piece of work: whose it is, how many of theirs may be done at once, who waits and how long. */
export interface SlotRequest {
  key: string
  maxRunning: number
  client: Client
  deadline: Deadline
}

/** Who waits for an answer: a ServerResponse, which closes with its connection. */
export interface Client {
  readonly destroyed: boolean
  once(event: 'close', listener: () => void): unknown
  off(event: 'close', listener: () => void): unknown
}

/** What one key has in work and waiting; forgotten when that is nothing. */
interface Queue {
  key: string
  maxRunning: number
  running: number
  /** Lets one in. First come, first served. */
  waiting: Set<() => void>
}

/** The right to be at work: held for as long as the work takes, whether or not its client stays. */
interface Slot {
  queue: Queue
  since: number
}

/** How a queue does, for those who watch. */
export interface ConcurrencyStats {
  running: number
  waiting: number
  /** Told 503, since the start. */
  rejected: number
}

/** Hands out turns, round and round over all who wait; first come, first served within one key. */
export class FairConcurrency {
  readonly #limits: ConcurrencyLimits
  readonly #queues = new Map<string, Queue>()
  // Lines with somebody waiting who may go as soon as a slot is free; the next one first.
  readonly #ready = new Set<Queue>()
  // Oldest first.
  readonly #slots = new Set<Slot>()
  #rejected = 0

  constructor(limits: ConcurrencyLimits) {
    this.#limits = limits
  }

  /** How many keys have work or wait. */
  get size(): number {
    return this.#queues.size
  }

  stats(): ConcurrencyStats {
    let waiting = 0
    for (const queue of this.#queues.values()) waiting += queue.waiting.size
    return { running: this.#slots.size, waiting, rejected: this.#rejected }
  }

  /**
   * Does `work` when its turn comes: now, where a slot is free. Throws 503 when too many wait already,
   * or for too long; a client that leaves while waiting has no turn.
   */
  run<T>(turn: SlotRequest, work: () => Promise<T>): Promise<T>
  run<T>(turn: SlotRequest, work: () => MaybePromise<T>): MaybePromise<T>
  run<T>(turn: SlotRequest, work: () => MaybePromise<T>): MaybePromise<T> {
    if (turn.client.destroyed) throw cutOff()
    this.#abandonHung()
    if (!this.#canRun(turn)) return this.#runLater(turn, work)
    const result = work()
    // Work that is done already was in nobody's way.
    if (!(result instanceof Promise)) return result
    return this.#holding(this.#take(this.#queueOf(turn)), result)
  }

  async #runLater<T>(turn: SlotRequest, work: () => MaybePromise<T>): Promise<T> {
    const slot = await turn.deadline.wait((ms) => this.#wait(turn, ms))
    return this.#holding(slot, work)
  }

  async #holding<T>(slot: Slot, work: Promise<T> | (() => MaybePromise<T>)): Promise<T> {
    try {
      return await (work instanceof Promise ? work : work())
    } finally {
      this.#free(slot)
    }
  }

  #canRun({ key, maxRunning }: SlotRequest): boolean {
    if (!this.#hasRoom()) return false
    const queue = this.#queues.get(key)
    return queue === undefined || (queue.running < maxRunning && queue.waiting.size === 0)
  }

  async #wait(turn: SlotRequest, ms: number): Promise<Slot> {
    const queue = this.#queueOf(turn)
    if (queue.waiting.size >= this.#limits.maxWaiting) {
      this.#review(queue)
      throw this.#busy()
    }
    return new Promise((resolve, reject) => {
      const leave = () => {
        clearTimeout(timer)
        turn.client.off('close', onClose)
        queue.waiting.delete(start)
      }
      const start = () => {
        leave()
        resolve(this.#take(queue))
      }
      const refuse = (error: AppError) => {
        leave()
        this.#review(queue)
        reject(error)
      }
      const onClose = () => refuse(cutOff())
      const timer = setTimeout(() => refuse(this.#busy()), ms)
      turn.client.once('close', onClose)
      queue.waiting.add(start)
      this.#review(queue)
      // There is a slot at once where this queue's limit was just raised.
      this.#dispatch()
    })
  }

  #busy(): AppError {
    this.#rejected++
    return unavailable('tenant.busy', 'Too many requests at once; try again')
  }

  #hasRoom(): boolean {
    return this.#slots.size < this.#limits.maxRunning
  }

  #queueOf({ key, maxRunning }: SlotRequest): Queue {
    const queue = this.#queues.get(key) ?? { key, maxRunning, running: 0, waiting: new Set() }
    queue.maxRunning = maxRunning
    this.#queues.set(key, queue)
    return queue
  }

  #take(queue: Queue): Slot {
    const slot = { queue, since: performance.now() }
    this.#slots.add(slot)
    queue.running++
    return slot
  }

  #free(slot: Slot): void {
    // Only once: work that was given up as hung may still end.
    if (!this.#slots.delete(slot)) return
    slot.queue.running--
    this.#review(slot.queue)
    this.#dispatch()
  }

  #abandonHung(): void {
    if (this.#slots.size === 0) return
    const oldest = performance.now() - this.#limits.hungMs
    for (const slot of this.#slots) {
      if (slot.since > oldest) return
      this.#free(slot)
    }
  }

  #dispatch(): void {
    for (const queue of this.#ready) {
      if (!this.#hasRoom()) return
      // Behind the others, should more of this queue wait.
      this.#ready.delete(queue)
      const [start] = queue.waiting
      start?.()
      this.#review(queue)
    }
  }

  #review(queue: Queue): void {
    if (queue.waiting.size > 0 && queue.running < queue.maxRunning) this.#ready.add(queue)
    else this.#ready.delete(queue)
    if (queue.running + queue.waiting.size === 0) this.#queues.delete(queue.key)
  }
}

// Nobody hears it; it ends the request, and says in the log why.
function cutOff(): AppError {
  return new AppError('invalid', 'request.client_closed', 'The client left before its turn came')
}
