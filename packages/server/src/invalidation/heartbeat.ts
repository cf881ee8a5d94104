import { randomUUID } from 'node:crypto'
import { type Moment, momentNow } from './moment.ts'

/** The NOTIFY channel of invalidations and heartbeats. PostgreSQL scopes a channel to its database. */
export const CHANNEL = 'tenantry'

const INTERVAL_MS = 250
// A connection that has returned no heartbeat for this long is treated as lost.
const RETURN_TIMEOUT_MS = 3_000
// Bounds the memory of heartbeats that a stalled database has not returned.
const MAX_IN_FLIGHT = 200

/** Sends a payload on CHANNEL; resolves when it is committed. */
type Notify = (payload: string) => Promise<unknown>

/**
 * Notifications that a process sends to itself through the database. PostgreSQL delivers notifications
 * in commit order, so a heartbeat that returns proves that every invalidation committed before it was
 * sent has arrived too.
 */
export class Heartbeat {
  readonly #id = randomUUID()
  readonly #notify: Notify
  readonly #onReturn: (sentAt: Moment) => void
  readonly #inFlight = new Map<number, Moment>()
  readonly #waiters = new Map<number, () => void>()
  #lastNumber = 0
  #lastReturnAt = performance.now()
  #timer: NodeJS.Timeout | undefined

  constructor(notify: Notify, onReturn: (sentAt: Moment) => void) {
    this.#notify = notify
    this.#onReturn = onReturn
  }

  /** Sends a heartbeat every 250 ms until `stop`. Rejects if one cannot be sent or none returns. */
  run(): Promise<never> {
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
    clearInterval(this.#timer)
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
    const [kind, id, number] = payload.split(':')
    if (kind !== 'heartbeat') return false
    if (id === this.#id) this.#receiveOwn(Number(number))
    return true
  }

  async #send(number = ++this.#lastNumber, notify = this.#notify): Promise<void> {
    if (this.#inFlight.size >= MAX_IN_FLIGHT) return
    this.#inFlight.set(number, momentNow())
    await notify(`heartbeat:${this.#id}:${number}`)
  }

  #receiveOwn(number: number): void {
    this.#lastReturnAt = performance.now()
    const sentAt = this.#inFlight.get(number)
    if (sentAt !== undefined) this.#onReturn(sentAt)
    this.#inFlight.delete(number)
    this.#waiters.get(number)?.()
  }
}
