import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { OperatorError } from '../../lib/operator_error.ts'
import { elapsedMs, type Moment, momentNow } from '../../lib/time/moment.ts'
import { askProgress, assertReplicaOf } from './progress.ts'
import { WrittenTenants } from './written_tenants.ts'

export interface ReplicaSettings {
  /** The pool of the requests. */
  pool: pg.Pool
  /** One connection to each server, which no request can take away. */
  probes: { primary: pg.Pool; replica: pg.Pool }
  maxLagMs: number
  /** Whether what other processes write becomes known here. */
  isInformed(): boolean
  /** Called when reads begin, and with the reason when they end. */
  onChange(fault: Error | undefined): void
}

/** One comparison of both servers. */
interface Probe {
  number: number
  begun: Moment
  /** Where the primary was: everything that it had acknowledged before this probe is before it. */
  position: bigint
}

const INTERVAL_MS = 100

/**
 * A streaming replica for reads. It is used for a tenant while it is proven to have everything that was
 * committed up to a recent moment, and each write of the tenant that this process knows of.
 *
 * The proof: a probe notes the position of the primary. Once the replica has replayed up to it, the replica
 * has all that was acknowledged before that probe began. No clock of another machine takes part.
 */
export class ReadReplica {
  readonly pool: pg.Pool
  readonly #settings: ReplicaSettings
  readonly #written = new WrittenTenants()
  readonly #stopped = new AbortController()
  #lost = new AbortController()
  /** Those that the replica has not reached, oldest first. */
  #ahead: Probe[] = []
  #caughtUp: Probe | undefined
  #number = 0
  #fault: string | undefined = ''
  #isLagging = false
  /** When it was not known to have caught up any more. */
  #lostAt = momentNow()
  #running: Promise<void> | undefined
  #reads = 0
  #fallbacks = 0

  constructor(settings: ReplicaSettings) {
    this.#settings = settings
    this.pool = settings.pool
  }

  start(): void {
    this.#running ??= this.#run()
  }

  async stop(): Promise<void> {
    this.#stopped.abort()
    const { pool, probes } = this.#settings
    await Promise.all([pool, probes.primary, probes.replica].map((it) => it.end()))
    await this.#running
  }

  /** Whether a read of this tenant may go to the replica now. */
  isUsableFor(tenantId: string): boolean {
    const { isInformed } = this.#settings
    if (this.#caughtUp === undefined || this.lagMs() > this.#settings.maxLagMs) return false
    return isInformed() && !this.#written.isWrittenAfter(this.#caughtUp.number, tenantId)
  }

  /** How old the state of the replica may be. Infinity if that is not known. */
  lagMs(): number {
    const { begun } = this.#caughtUp ?? {}
    return begun === undefined ? Number.POSITIVE_INFINITY : elapsedMs(begun, momentNow())
  }

  /** Aborted when the replica stops answering: its reads must not be waited for. */
  get lost(): AbortSignal {
    return this.#lost.signal
  }

  /** How many reads went to the replica, and how many of them were repeated on the primary. */
  get counts() {
    return { reads: this.#reads, fallbacks: this.#fallbacks }
  }

  /** Called for each read that goes to the replica. */
  countRead(): void {
    this.#reads++
  }

  /** A read failed and is repeated on the primary. Without a connection, no other read is sent before the next probe. */
  readFailed(isConnectionLost: boolean): void {
    this.#fallbacks++
    if (isConnectionLost) this.#lose()
  }

  /** This process may have committed a write of the tenant. */
  noteWrite(tenantId: string): void {
    this.#written.add(tenantId, this.#number)
  }

  /** What heartbeats tell the other processes, and what theirs tell this one. */
  readonly writes = {
    take: () => this.#written.take(),
    putBack: (text: string) => this.#written.putBack(text),
    receive: (text: string) => this.#written.receive(text, this.#number),
    missed: () => this.#written.addAll(this.#number),
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped
    while (!signal.aborted) {
      await this.#probe().then(
        () => this.#report(this.#lagFault()),
        (error: Error) => this.#fail(error),
      )
      await sleep(INTERVAL_MS, undefined, { signal, ref: false }).catch(() => {})
    }
  }

  async #probe(): Promise<void> {
    const { probes } = this.#settings
    const [number, begun] = [++this.#number, momentNow()]
    const primary = await askProgress(probes.primary)
    const replica = await askProgress(probes.replica)
    assertReplicaOf(primary, replica)
    this.#ahead.push({ number, begun, position: BigInt(primary.position ?? 0) })
    this.#advance(BigInt(replica.position ?? 0))
  }

  #advance(replayed: bigint): void {
    const reached = this.#ahead.findLastIndex(({ position }) => position <= replayed)
    this.#caughtUp = this.#ahead[reached] ?? this.#caughtUp
    if (this.#caughtUp !== undefined) this.#written.forgetBefore(this.#caughtUp.number)
    const now = momentNow()
    const isRecent = ({ begun }: Probe) => elapsedMs(begun, now) <= this.#settings.maxLagMs
    this.#ahead = this.#ahead.slice(reached + 1).filter(isRecent)
  }

  #fail(error: Error): void {
    if (this.#stopped.signal.aborted) return
    this.#lose()
    this.#ahead = []
    this.#lost.abort()
    this.#lost = new AbortController()
    this.#report(error)
  }

  #lose(): void {
    this.#caughtUp = undefined
    this.#lostAt = momentNow()
  }

  // It ends at half of the limit: near the limit it would begin and end all the time.
  #lagFault(): Error | undefined {
    const { maxLagMs } = this.#settings
    const ms = elapsedMs(this.#caughtUp?.begun ?? this.#lostAt, momentNow())
    this.#isLagging = ms > (this.#isLagging ? maxLagMs / 2 : maxLagMs)
    if (!this.#isLagging) return undefined
    return new OperatorError(`the replica is more than ${maxLagMs} ms behind (READ_LAG_MS)`)
  }

  // Once for each change: a probe runs ten times in a second.
  #report(error: Error | undefined): void {
    if (error?.message === this.#fault) return
    this.#fault = error?.message
    this.#settings.onChange(error)
  }
}
