import { randomUUID } from 'node:crypto'

/** The channel of announcements and beats, in each database one. */
export const CHANNEL = 'tenantry'

const BEAT_MS = 250
// Beats that do not return in this time never will on this connection.
const SILENCE_MS = 3_000
// A server that has stopped answering is not sent more and more.
const MAX_UNANSWERED = 200

/** A moment on both clocks: the monotonic one stands still while the whole machine is paused. */
export interface Moment {
  monotonic: number
  wall: number
}

// Wall time is counted from here: a small integer takes no memory of its own.
const START = Date.now()

/** Now, to be kept. Rounded down: nothing seems younger for it. */
export function momentNow(): Moment {
  return { monotonic: Math.floor(performance.now()), wall: Date.now() - START }
}

/** Now, to compare with: the same object each time, so that those who ask often allocate nothing. */
export class ReusableMoment implements Moment {
  monotonic = 0
  wall = 0

  read(): Moment {
    this.monotonic = performance.now()
    this.wall = Date.now() - START
    return this
  }
}

/** Milliseconds from then to now, by the clock that says more. */
export function elapsedMs(then: Moment, now: Moment): number {
  return Math.max(now.monotonic - then.monotonic, now.wall - then.wall)
}

/** Sends a payload on CHANNEL; resolves when it is committed. */
type Notify = (payload: string) => Promise<unknown>

/**
 * What a process tells itself by way of the database. The queue of notifications is ordered: with a
 * beat has arrived all that was committed before it was sent.
 */
export class Heartbeat {
  readonly #id = randomUUID()
  readonly #notify: Notify
  readonly #onReturn: (sentAt: Moment) => void
  readonly #sent = new Map<number, Moment>()
  readonly #waiting = new Map<number, () => void>()
  #count = 0
  #lastHeard = performance.now()
  #timer: NodeJS.Timeout | undefined

  constructor(notify: Notify, onReturn: (sentAt: Moment) => void) {
    this.#notify = notify
    this.#onReturn = onReturn
  }

  /** Beats until `stop`. Rejects where beats cannot be sent, or do not return. */
  run(): Promise<never> {
    this.#lastHeard = performance.now()
    let sending = false
    return new Promise((_, reject) => {
      const beat = () => {
        if (performance.now() - this.#lastHeard > SILENCE_MS) reject(new Error('no beat returns'))
        // One at a time: on a slow way they would queue, and each be older than the last on arrival.
        if (sending) return
        sending = true
        this.#send().then(() => {
          sending = false
        }, reject)
      }
      this.#timer = setInterval(beat, BEAT_MS)
      beat()
    })
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  /** Sends a beat, by `notify` if given; tells whether it returned in time. */
  async roundTrip(withinMs: number, notify = this.#notify): Promise<boolean> {
    const beat = ++this.#count
    const heard = new Promise<boolean>((resolve) => this.#waiting.set(beat, () => resolve(true)))
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), withinMs)
    })
    const sent = this.#send(beat, notify).then(() => heard)
    sent.catch(() => {})
    try {
      return await Promise.race([sent, late])
    } finally {
      clearTimeout(timer)
      this.#waiting.delete(beat)
    }
  }

  /** Takes what arrived on the channel; tells whether it was a beat, of whichever process. */
  receive(payload: string): boolean {
    const [kind, id, number] = payload.split(':')
    if (kind !== 'heartbeat') return false
    if (id === this.#id) this.#returned(Number(number))
    return true
  }

  async #send(beat = ++this.#count, notify = this.#notify): Promise<void> {
    if (this.#sent.size >= MAX_UNANSWERED) return
    this.#sent.set(beat, momentNow())
    await notify(`heartbeat:${this.#id}:${beat}`)
  }

  #returned(beat: number): void {
    this.#lastHeard = performance.now()
    const sentAt = this.#sent.get(beat)
    if (sentAt !== undefined) this.#onReturn(sentAt)
    this.#sent.delete(beat)
    this.#waiting.get(beat)?.()
  }
}
