import { randomUUID } from 'node:crypto'
import { type Moment, momentNow } from '../lib/time/moment.ts'

/** The NOTIFY channel of invalidations and heartbeats. PostgreSQL scopes a channel to its database. */
export const CHANNEL = 'tenantry'

const INTERVAL_MS = 250
// A connection that has returned no heartbeat for this long is treated as lost.
const RETURN_TIMEOUT_MS = 3_000
// Bounds the memory of heartbeats that a stalled database has not returned.
const MAX_IN_FLIGHT = 200

/** Sends a payload on CHANNEL; resolves when it is committed. */
type Notify = (payload: string) => Promise<unknown>

/** What a heartbeat calls. */
export interface HeartbeatHandlers {
  /** A heartbeat of this process came back. */
  onReturn(sentAt: Moment): void
  /** Another process has committed background jobs. */
  onJobs(): void
}

/** The tenants that processes have written, for those that read from a replica. */
export interface WriteNotices {
  /** What the next heartbeat carries: a text without a colon, empty if there is nothing. */
  take(): string
  /** Takes back what could not be sent. */
  putBack(text: string): void
  /** Another process has written. */
  receive(text: string): void
  /** Notices of other processes may have been lost. */
  missed(): void
}

// Appended to a heartbeat whose process has committed jobs since the previous one. A NOTIFY of its own for
// each job would take the lock of the whole cluster once more at each COMMIT.
const JOBS = 'jobs'

/**
 * Notifications that a process sends to itself through the database. PostgreSQL delivers notifications
 * in commit order, so a heartbeat that returns proves that every invalidation committed before it was
 * sent has arrived too.
 */
export class Heartbeat {
  readonly #id = randomUUID()
  readonly #notify: Notify
  readonly #handlers: HeartbeatHandlers
  readonly #writes: WriteNotices | undefined
  readonly #inFlight = new Map<number, Moment>()
  readonly #waiters = new Map<number, () => void>()
  #lastNumber = 0
  #lastReturnAt = performance.now()
  #timer: NodeJS.Timeout | undefined
  #hasJobs = false
  #isStopped = false

  constructor(notify: Notify, handlers: HeartbeatHandlers, writes?: WriteNotices) {
    this.#notify = notify
    this.#handlers = handlers
    this.#writes = writes
  }

  /** Sends a heartbeat every 250 ms until `stop`. Rejects if one cannot be sent, none returns, or it was stopped. */
  run(): Promise<never> {
    // The connection may be lost while it is proven: a timer that begins after that would never end.
    if (this.#isStopped) return Promise.reject(new Error('the heartbeat was stopped before it ran'))
    this.#lastReturnAt = performance.now()
    let sending = false
    return new Promise((_, reject) => {
      const tick = () => {
        const silentMs = performance.now() - this.#lastReturnAt
        if (silentMs > RETURN_TIMEOUT_MS) reject(new Error('no heartbeat returned in time'))
        // One at a time: on a slow connection heartbeats would queue and grow older with each one.
        if (sending) return
        sending = true
        this.#send().then(() => {
          sending = false
        }, reject)
      }
      this.#timer = setInterval(tick, INTERVAL_MS)
      tick()
    })
  }

  stop(): void {
    this.#isStopped = true
    clearInterval(this.#timer)
  }

  /** Makes the next heartbeat tell the other processes that jobs were committed. */
  announceJobs(): void {
    this.#hasJobs = true
  }

  /** Sends one heartbeat, through `notify` if given. Returns whether it came back within the time. */
  async roundTrip(withinMs: number, notify = this.#notify): Promise<boolean> {
    const number = ++this.#lastNumber
    const returned = new Promise<boolean>((resolve) =>
      this.#waiters.set(number, () => resolve(true)),
    )
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), withinMs)
    })
    const sent = this.#send(number, notify).then(() => returned)
    sent.catch(() => {})
    try {
      return await Promise.race([sent, late])
    } finally {
      clearTimeout(timer)
      this.#waiters.delete(number)
    }
  }

  /** Handles a payload of the channel. Returns whether it was a heartbeat, of this or another process. */
  receive(payload: string): boolean {
    const [kind, id, number, more, written = ''] = payload.split(':')
    if (kind !== 'heartbeat') return false
    if (id === this.#id) this.#receiveOwn(Number(number))
    else this.#receiveOther(more === JOBS, written)
    return true
  }

  #receiveOther(hasJobs: boolean, written: string): void {
    if (hasJobs) this.#handlers.onJobs()
    if (written !== '') this.#writes?.receive(written)
  }

  async #send(number = ++this.#lastNumber, notify = this.#notify): Promise<void> {
    if (this.#inFlight.size >= MAX_IN_FLIGHT) return
    this.#inFlight.set(number, momentNow())
    const jobs = this.#hasJobs ? JOBS : ''
    this.#hasJobs = false
    const written = this.#writes?.take() ?? ''
    const more = written === '' ? jobs : `${jobs}:${written}`
    try {
      await notify(`heartbeat:${this.#id}:${number}${more === '' ? '' : `:${more}`}`)
    } catch (error) {
      this.#writes?.putBack(written)
      throw error
    }
  }

  #receiveOwn(number: number): void {
    this.#lastReturnAt = performance.now()
    const sentAt = this.#inFlight.get(number)
    if (sentAt !== undefined) this.#handlers.onReturn(sentAt)
    this.#inFlight.delete(number)
    this.#waiters.get(number)?.()
  }
}
