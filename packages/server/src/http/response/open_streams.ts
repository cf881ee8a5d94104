import type { ServerResponse } from 'node:http'
import type { MaybePromise } from '../../lib/maybe_promise.ts'

/** A stream that is being sent. */
export interface OpenStream {
  client: ServerResponse
  /** Fails once the client may no longer read: its session or permission was revoked. */
  recheck(): MaybePromise<unknown>
  /** Called once, if the stream was ended here. */
  onEnded(reason: unknown): void
}

interface Watched extends OpenStream {
  isChecking: boolean
  bytesWritten: number
  progressAt: number
}

// A revocation reaches this process within milliseconds: half of the 50 ms until its reply are left.
const CHECK_MS = 25
const IDLE_MS = 120_000

/**
 * Ends the connections of streams whose client may no longer read, or that make no progress: a stream
 * without chunks, and a client that does not read, would otherwise keep a connection. One timer for all of
 * them, which runs while there are any: a check costs no more than a look at memory.
 */
export class OpenStreams {
  readonly #idleMs: number
  readonly #streams = new Set<Watched>()
  #timer: NodeJS.Timeout | undefined

  constructor(idleMs = IDLE_MS) {
    this.#idleMs = idleMs
  }

  /** Watches a stream until its connection closes. */
  watch(stream: OpenStream): void {
    const { client } = stream
    const watched = { ...stream, isChecking: false, bytesWritten: 0, progressAt: performance.now() }
    this.#streams.add(watched)
    client.once('close', () => this.#remove(watched))
    this.#timer ??= setInterval(() => this.#checkAll(), CHECK_MS).unref()
  }

  #checkAll(): void {
    const now = performance.now()
    for (const it of this.#streams) if (this.#hasProgress(it, now)) this.#check(it)
  }

  #hasProgress(it: Watched, now: number): boolean {
    const { bytesWritten = 0 } = it.client.socket ?? {}
    if (bytesWritten !== it.bytesWritten) Object.assign(it, { bytesWritten, progressAt: now })
    if (now - it.progressAt < this.#idleMs) return true
    this.#end(it, new Error(`the stream made no progress for ${this.#idleMs / 1_000} s`))
    return false
  }

  #check(it: Watched): void {
    if (it.isChecking) return
    const checking = it.recheck()
    if (!(checking instanceof Promise)) return
    it.isChecking = true
    checking
      .catch((error: unknown) => this.#end(it, error))
      .finally(() => {
        it.isChecking = false
      })
  }

  // The connection, and not the stream: a generator that waits for its next chunk cannot be ended.
  #end(it: Watched, reason: unknown): void {
    if (!this.#remove(it)) return
    it.onEnded(reason)
    it.client.destroy()
  }

  #remove(it: Watched): boolean {
    const wasOpen = this.#streams.delete(it)
    if (this.#streams.size > 0) return wasOpen
    clearInterval(this.#timer)
    this.#timer = undefined
    return wasOpen
  }
}
