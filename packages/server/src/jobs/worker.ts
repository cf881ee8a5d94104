import type { Logger } from 'pino'
import type { Schedule } from '../app/jobs/schedule.ts'
import type { WorkerDatabase } from '../db/tenancy.ts'
import { withTimeout } from '../lib/deadline.ts'
import type { HistogramMetric, Metric } from '../lib/metric.ts'
import { errorText, failureOf, LeaseLost, stackOf, TenantInactive } from './failure.ts'
import { Interruption } from './interruption.ts'
import { JobMetrics } from './job_metrics.ts'
import { type ClaimedJob, JobQueue, RENEW_INTERVAL_MS } from './queue.ts'
import { type RunDeps, runJob } from './run_job.ts'
import { type Clock, Schedules } from './schedules.ts'

export interface WorkerDeps extends Omit<RunDeps, 'database'> {
  database: WorkerDatabase
  schedules: readonly Schedule[]
  log: Pick<Logger, 'debug' | 'warn' | 'error'>
  concurrency: number
  tenantConcurrency: number
  retryDays: number
  /** Read the state of the queue regularly, for the metrics. */
  readsStats: boolean
  clock?: Clock | undefined
  /** The only tenants whose jobs it runs: test runs share a database. Undefined: all tenants. */
  tenants?: (() => readonly string[]) | undefined
}

/** Runs the background jobs of an app in this process. */
export interface Worker {
  start(): void
  /** Looks for jobs now: some were added. */
  notify(): void
  /** Resolves when nothing is ready for this worker, and it runs nothing. */
  idle(): Promise<void>
  /** Takes no further jobs and waits for those that run, for `ms` at most. Then it interrupts them. */
  stop(ms: number): Promise<void>
  metrics(): (Metric | HistogramMetric)[]
}

const POLL_INTERVAL_MS = 1_000
const STATS_INTERVAL_MS = 15_000
const INTERRUPTED_MS = 1_000
const STORED_WITHIN_MS = 60_000
// Above it jobs are taken only for free slots: other workers may have some.
const SHORT_MS = 50
const LONG_MS = 1_000

interface Running {
  claimed: ClaimedJob
  interruption: Interruption
  ended: Promise<void>
}

export function createWorker(deps: WorkerDeps): Worker {
  return new JobWorker(deps)
}

class JobWorker implements Worker {
  readonly #deps: WorkerDeps
  readonly #queue: JobQueue
  readonly #schedules: Schedules
  readonly #metrics: JobMetrics
  readonly #regardless: string[]
  readonly #running = new Map<string, Running>()
  /** Ends of jobs that could not be stored yet, because the database was unreachable. */
  readonly #unstored = new Map<() => Promise<void>, number>()
  /** Jobs that were taken before a slot is free: while jobs are short, no slot waits for a look. */
  readonly #ahead: ClaimedJob[] = []
  /** The first of these at the last poll. */
  #firstAhead: ClaimedJob | undefined
  /** About how long a job runs. */
  #typicalMs = LONG_MS
  #timers: NodeJS.Timeout[] = []
  #claiming: Promise<void> | undefined
  #claimsAgain = false
  #isStopping = false
  #isFailing = false
  #polling: Promise<void> | undefined

  constructor(deps: WorkerDeps) {
    this.#deps = deps
    this.#queue = new JobQueue(deps.database)
    this.#schedules = new Schedules(deps.database, deps.schedules, deps.clock)
    const jobs = [...deps.jobs.values()]
    this.#regardless = jobs.filter((it) => it.isForSuspended).map((it) => it.kind)
    this.#metrics = new JobMetrics(deps.jobs.keys(), () => this.#running.size)
  }

  start(): void {
    const every = (ms: number, work: () => Promise<void>) => setInterval(work, ms).unref()
    this.#timers = [
      every(POLL_INTERVAL_MS, () => this.#poll()),
      every(RENEW_INTERVAL_MS, () => this.#attempt(() => this.#renew())),
      ...(this.#deps.readsStats
        ? [every(STATS_INTERVAL_MS, () => this.#attempt(() => this.#readStats()))]
        : []),
    ]
    void this.#poll()
  }

  notify(): void {
    void this.#claim()
  }

  async idle(): Promise<void> {
    do {
      await this.#claim()
      await Promise.all([...this.#running.values()].map((it) => it.ended))
      await this.#claim()
    } while (this.#running.size > 0)
  }

  async stop(ms: number): Promise<void> {
    this.#isStopping = true
    for (const timer of this.#timers) clearInterval(timer)
    // Both use the pools, which their owner closes next.
    await Promise.all([this.#polling, this.#claiming])
    await this.#giveBackAhead()
    await this.#ended(ms)
    for (const { interruption } of this.#running.values()) interruption.interrupt()
    await this.#ended(INTERRUPTED_MS)
    await this.#attempt(() => this.#storeEnds())
  }

  metrics(): (Metric | HistogramMetric)[] {
    return this.#metrics.metrics()
  }

  async #ended(ms: number): Promise<void> {
    const all = Promise.all([...this.#running.values()].map((it) => it.ended))
    await withTimeout(all, ms)
  }

  // What notifications do not tell: due jobs, ticks, jobs of a dead worker, and lost notifications.
  #poll(): Promise<void> {
    this.#polling ??= this.#pollOnce().finally(() => {
      this.#polling = undefined
    })
    return this.#polling
  }

  async #pollOnce(): Promise<void> {
    // No slot became free for a second: another worker may have one.
    if (this.#ahead.length > 0 && this.#ahead[0] === this.#firstAhead) await this.#giveBackAhead()
    this.#firstAhead = this.#ahead[0]
    await this.#attempt(async () => {
      await this.#storeEnds()
      await this.#queue.promote()
      if (await this.#schedules.tick()) this.#deps.signal.notify()
    })
    await this.#claim()
  }

  // One look at a time. A notification that arrives meanwhile is followed by another look, or it would be
  // lost: the current one may have passed its tenant already.
  #claim(): Promise<void> {
    this.#claimsAgain = true
    this.#claiming ??= this.#claimAll().finally(() => {
      this.#claiming = undefined
    })
    return this.#claiming
  }

  async #claimAll(): Promise<void> {
    while (this.#claimsAgain && !this.#isStopping) {
      this.#claimsAgain = false
      await this.#attempt(async () => {
        while (await this.#claimOnce());
      })
    }
  }

  // Whether there may be more for this worker.
  async #claimOnce(): Promise<boolean> {
    const { concurrency, tenantConcurrency: each, tenants } = this.#deps
    const room = this.#typicalMs < SHORT_MS ? 2 * concurrency : concurrency
    const wanted = room - this.#running.size - this.#ahead.length
    // Not for each job that ends: a look for a few is as expensive as one for many.
    const hasEnough = wanted <= 0 || this.#ahead.length > concurrency / 2
    if (hasEnough || this.#isStopping) return false
    const held = [...this.#running.values()].map((it) => it.claimed)
    const running = countByTenant([...held, ...this.#ahead])
    const request = { wanted, each, running, only: tenants?.(), regardless: this.#regardless }
    const jobs = await this.#queue.claim(request)
    this.#ahead.push(...jobs)
    this.#beginAhead()
    return jobs.length === wanted
  }

  #beginAhead(): void {
    const free = this.#isStopping ? 0 : this.#deps.concurrency - this.#running.size
    for (const job of this.#ahead.splice(0, free)) this.#begin(job)
  }

  async #giveBackAhead(): Promise<void> {
    const jobs = this.#ahead.splice(0)
    if (jobs.length === 0) return
    this.#typicalMs = LONG_MS
    await this.#save(() => this.#queue.release(jobs))
  }

  #begin(claimed: ClaimedJob): void {
    const interruption = new Interruption()
    const ended = this.#run(claimed, interruption).finally(() => {
      this.#running.delete(claimed.lease + claimed.id)
      this.#beginAhead()
      // Jobs that end during a look share the next one.
      this.notify()
    })
    this.#running.set(claimed.lease + claimed.id, { claimed, interruption, ended })
  }

  async #run(claimed: ClaimedJob, interruption: Interruption): Promise<void> {
    const startedAt = performance.now()
    const record = (outcome: 'done' | 'failed' | 'interrupted') => {
      const ms = performance.now() - startedAt
      this.#typicalMs += (ms - this.#typicalMs) / 8
      this.#metrics.record(claimed.kind, outcome, claimed.waited_seconds, ms / 1_000)
    }
    try {
      await runJob(this.#deps, claimed, interruption)
      record('done')
    } catch (error) {
      const isInterrupted = interruption.isInterrupted || error instanceof TenantInactive
      record(isInterrupted || error instanceof LeaseLost ? 'interrupted' : 'failed')
      await this.#end(claimed, error, isInterrupted)
    }
  }

  // A job whose end cannot be stored now is tried again each second; after its lease others may run it.
  async #end(claimed: ClaimedJob, error: unknown, isInterrupted: boolean): Promise<void> {
    if (error instanceof LeaseLost) return
    const { id, kind, tenant_id, attempts } = claimed
    const failure = failureOf(error, attempts, this.#deps.retryDays)
    // Not the error itself, which a job may have made very large.
    const about = { job_id: id, kind, tenant_id, attempt: attempts, error: failure.error }
    if (!isInterrupted) this.#deps.log.warn({ ...about, stack: stackOf(error) }, 'a job failed')
    await this.#save(() =>
      isInterrupted ? this.#queue.release([claimed]) : this.#queue.fail(claimed, failure),
    )
  }

  async #save(store: () => Promise<void>): Promise<void> {
    this.#unstored.set(store, performance.now() + STORED_WITHIN_MS)
    await this.#attempt(() => this.#storeEnd(store))
  }

  async #storeEnds(): Promise<void> {
    for (const [store, until] of this.#unstored) {
      // Its lease has ended long ago: the job is ready again.
      if (performance.now() > until) this.#unstored.delete(store)
      else await this.#storeEnd(store)
    }
  }

  async #storeEnd(store: () => Promise<void>): Promise<void> {
    await store()
    this.#unstored.delete(store)
  }

  async #renew(): Promise<void> {
    const all = [...this.#running.values()]
    if (all.length === 0) return
    const held = await this.#queue.renew(all.map((it) => it.claimed))
    for (const { claimed, interruption } of all) {
      // Work in a transaction that is about to commit has no row any more: it only notices the end.
      if (!held.has(claimed.id)) interruption.interrupt()
    }
  }

  async #readStats(): Promise<void> {
    this.#metrics.stats = await this.#queue.stats()
  }

  // The first failure in a row is logged: during an outage there is one each second.
  async #attempt(work: () => Promise<void>): Promise<void> {
    try {
      await work()
      this.#isFailing = false
    } catch (error) {
      const level = this.#isFailing ? 'debug' : 'error'
      this.#isFailing = true
      this.#deps.log[level](
        { error: errorText(error) },
        'the worker cannot use the queue; trying again',
      )
    }
  }
}

function countByTenant(jobs: readonly ClaimedJob[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const { tenant_id } of jobs) counts.set(tenant_id, (counts.get(tenant_id) ?? 0) + 1)
  return counts
}
