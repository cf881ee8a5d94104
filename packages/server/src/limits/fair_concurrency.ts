import type { Deadline } from '../lib/deadline.ts'
import { AppError } from '../lib/errors.ts'
import type { MaybePromise } from '../lib/maybe_promise.ts'

/** After this many milliseconds work loses its slot. Longer than any query may run. */
export const HUNG_MS = 60_000

export interface ConcurrencyLimits {
  /** How many slots all keys share. */
  maxRunning: number
  /** How many requests may wait in the queue of one key. */
  maxWaiting: number
  /** Work that runs longer, in milliseconds, counts as hung and loses its slot. */
  hungMs: number
  /** The error for a request without a slot. */
  busy(): AppError
}

/** A request for a slot. */
export interface SlotRequest {
  /** The queue to wait in, such as the tenant's id. */
  key: string
  /** How many slots this key may hold. */
  maxRunning: number
  /** Where given, a client that disconnects leaves the queue. */
  client?: Client
  /** Where given, it bounds the wait. */
  deadline?: Deadline
}

/** The waiting client: a ServerResponse, which closes with its connection. */
export interface Client {
  readonly destroyed: boolean
  once(event: 'close', listener: () => void): unknown
  off(event: 'close', listener: () => void): unknown
}

/** The queue of one key. It exists while the key has running or waiting work. */
interface Queue {
  key: string
  maxRunning: number
  running: number
  /** Starts one request each. First in, first out. */
  waiting: Set<() => void>
}

/** Held until the work ends, even if its client disconnects: the connection is busy for as long. */
interface Slot {
  queue: Queue
  since: number
}

/** Numbers for metrics. */
export interface ConcurrencyStats {
  running: number
  waiting: number
  /** Requests answered with 503 since the start. */
  rejected: number
}

/** A concurrency limiter that serves its keys round-robin, and first in, first out within a key. */
export class FairConcurrency {
  readonly #limits: ConcurrencyLimits
  readonly #queues = new Map<string, Queue>()
  // The queues with a request that may start as soon as a slot is free, in round-robin order.
  readonly #ready = new Set<Queue>()
  // Oldest first.
  readonly #slots = new Set<Slot>()
  #rejected = 0

  constructor(limits: ConcurrencyLimits) {
    this.#limits = limits
  }

  /** The number of keys with running or waiting work. */
  get size(): number {
    return this.#queues.size
  }

  stats(): ConcurrencyStats {
    let waiting = 0
    for (const queue of this.#queues.values()) waiting += queue.waiting.size
    return { running: this.#slots.size, waiting, rejected: this.#rejected }
  }

  /**
   * Runs `work` in a slot, immediately if one is free. Throws 503 if the queue is full or the deadline
   * passes. A client that disconnects while it waits leaves the queue.
   */
  run<T>(request: SlotRequest, work: () => Promise<T>): Promise<T>
  run<T>(request: SlotRequest, work: () => MaybePromise<T>): MaybePromise<T>
  run<T>(request: SlotRequest, work: () => MaybePromise<T>): MaybePromise<T> {
    if (request.client?.destroyed) throw clientClosed()
    this.#abandonHung()
    if (!this.#canRun(request)) return this.#runLater(request, work)
    const result = work()
    // Work that completes synchronously never shares the node with other work, so it needs no slot.
    if (!(result instanceof Promise)) return result
    return this.#holdSlot(this.#take(this.#queueOf(request)), result)
  }

  async #runLater<T>(request: SlotRequest, work: () => MaybePromise<T>): Promise<T> {
    const { deadline } = request
    const slot = await (deadline === undefined
      ? this.#wait(request)
      : deadline.wait((ms) => this.#wait(request, ms)))
    return this.#holdSlot(slot, work)
  }

  async #holdSlot<T>(slot: Slot, work: Promise<T> | (() => MaybePromise<T>)): Promise<T> {
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

  async #wait(request: SlotRequest, ms?: number): Promise<Slot> {
    const queue = this.#queueOf(request)
    if (queue.waiting.size >= this.#limits.maxWaiting) {
      this.#review(queue)
      throw this.#busy()
    }
    return new Promise((resolve, reject) => {
      const leave = () => {
        clearTimeout(timer)
        request.client?.off('close', onClose)
        queue.waiting.delete(start)
      }
      const start = () => {
        leave()
        resolve(this.#take(queue))
      }
      const abandon = (error: AppError) => {
        leave()
        this.#review(queue)
        reject(error)
      }
      const onClose = () => abandon(clientClosed())
      const timer = ms === undefined ? undefined : setTimeout(() => abandon(this.#busy()), ms)
      request.client?.once('close', onClose)
      queue.waiting.add(start)
      this.#review(queue)
      // If this request raised the limit of its queue, a slot may be available immediately.
      this.#dispatch()
    })
  }

  #busy(): AppError {
    this.#rejected++
    return this.#limits.busy()
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
    // Frees a slot only once: work that lost its slot as hung may still end.
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
      // Re-added by #review at the end of the order, if more requests of this queue wait.
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

// Never reaches the client, whose connection is closed: it ends the request and appears in the log.
function clientClosed(): AppError {
  return new AppError('invalid', 'request.client_closed', 'The client disconnected while it waited')
}
