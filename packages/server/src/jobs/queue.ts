import { sql } from 'kysely'
import type { WorkerDatabase } from '../db/tenancy.ts'
import { NIL_ID, newId } from '../lib/ids.ts'
import type { QueueStats } from './job_metrics.ts'

/** A job that this worker has taken. */
export interface ClaimedJob {
  tenant_id: string
  id: string
  kind: string
  payload: unknown
  actor_id: string | null
  attempts: number
  /** How long it was ready, until it was taken. */
  waited_seconds: number
  /** Proves that this worker still has it. */
  lease: string
}

/** How much of the queue a worker wants. */
export interface ClaimRequest {
  wanted: number
  /** How many jobs of one tenant it runs at the same time. */
  each: number
  /** How many jobs of each tenant it runs already. */
  running: ReadonlyMap<string, number>
  /** The only tenants whose jobs it takes. */
  only?: readonly string[] | undefined
  /** Kinds whose jobs it takes also where the tenant is suspended. */
  regardless: readonly string[]
}

/** Why a job needs a platform admin. */
export type ParkReason = 'failed' | 'kind_unknown' | 'payload_invalid'

/** What becomes of a job that failed. */
export interface Failure {
  error: string
  /** Seconds until it runs again. */
  retryInSeconds: number
  reason: ParkReason
  /** It is parked if it has been due for so long. */
  retryDays: number
  /** It is parked after so many attempts. */
  maxAttempts?: number | undefined
}

const LEASE_SECONDS = 25
/** Well before the end of a lease. */
export const RENEW_INTERVAL_MS = 8_000
const PROMOTED_AT_ONCE = 1_000
// Of suspended tenants, for each of which PostgreSQL reads some pages.
const HELD_TENANTS_AT_ONCE = 1_000
// A job that has killed so many workers is parked.
const MAX_LOST_LEASES = 5

/** The statements of a worker on the queue, as the jobs role. */
export class JobQueue {
  readonly #database: WorkerDatabase
  /** How far the walks over the tenants with ready and with held jobs have come. */
  #claimedUntil = NIL_ID
  #heldUntil = NIL_ID

  constructor(database: WorkerDatabase) {
    this.#database = database
  }

  /** Takes jobs, in a fair share for each tenant. */
  async claim({ wanted, each, running, only, regardless }: ClaimRequest): Promise<ClaimedJob[]> {
    const lease = newId()
    const busy = [...running.keys()]
    const rooms = [...running.values()].map((count) => Math.max(0, each - count))
    const { rows } = await this.#database.asWorker((db) =>
      sql<Omit<ClaimedJob, 'lease'>>`
        select * from tenantry.claim_jobs(${this.#claimedUntil}, ${wanted}, ${each}, ${busy}::uuid[],
          ${rooms}::integer[], ${lease}, ${LEASE_SECONDS}, ${only ?? null}::uuid[], ${[...regardless]}::text[])`.execute(
        db,
      ),
    )
    this.#claimedUntil = rows.at(-1)?.tenant_id ?? this.#claimedUntil
    return rows.map((it) => ({ ...it, lease }))
  }

  /** Prolongs the leases. Returns the ids of jobs that this worker still has. */
  async renew(jobs: readonly ClaimedJob[]): Promise<Set<string>> {
    // The transaction that does the work has locked the row, so no other worker can take it.
    const { rows } = await this.#database.asWorker((db) =>
      sql<{ id: string }>`
        with mine as (
          select j.tenant_id, j.id from tenantry.jobs j
          join unnest(${jobs.map((it) => it.tenant_id)}::uuid[], ${jobs.map((it) => it.id)}::uuid[],
            ${jobs.map((it) => it.lease)}::uuid[]) given (tenant_id, id, lease)
            on j.tenant_id = given.tenant_id and j.id = given.id and j.lease = given.lease
        ), renewed as (
          update tenantry.jobs j
          set leased_until = now() + make_interval(secs => ${LEASE_SECONDS})
          from (
            select l.tenant_id, l.id from tenantry.jobs l join mine using (tenant_id, id)
            for update of l skip locked
          ) free
          where j.tenant_id = free.tenant_id and j.id = free.id
        )
        select id from mine`.execute(db),
    )
    return new Set(rows.map((it) => it.id))
  }

  /** Stores a failure: the job runs again later, or is parked. */
  async fail(job: ClaimedJob, failure: Failure): Promise<void> {
    const { error, retryInSeconds, reason, retryDays, maxAttempts = 1_000_000 } = failure
    await this.#database.asWorker((db) =>
      sql`
        update tenantry.jobs set
          state = case when ends then 'parked' else 'later' end,
          reason = case when ends then ${reason} end,
          run_at = now() + make_interval(secs => ${retryInSeconds}),
          last_error = ${error}, lease = null, leased_until = null,
          key = case when ends then key else tenantry.free_job_key(jobs.tenant_id, kind, key) end
        from (
          select tenant_id, id, attempts >= ${maxAttempts}
            or due_at < now() - make_interval(days => ${retryDays}) as ends
          from tenantry.jobs
          where tenant_id = ${job.tenant_id} and id = ${job.id} and lease = ${job.lease}
        ) mine
        where jobs.tenant_id = mine.tenant_id and jobs.id = mine.id`.execute(db),
    )
  }

  /** Gives a job back that was interrupted or whose tenant is not active: the attempt does not count. */
  async release(jobs: readonly ClaimedJob[]): Promise<void> {
    await this.#database.asWorker((db) =>
      sql`
        update tenantry.jobs j set state = 'ready', lease = null, leased_until = null,
          attempts = attempts - 1, key = tenantry.free_job_key(j.tenant_id, j.kind, j.key)
        from unnest(${jobs.map((it) => it.tenant_id)}::uuid[], ${jobs.map((it) => it.id)}::uuid[],
          ${jobs.map((it) => it.lease)}::uuid[]) given (tenant_id, id, lease)
        where j.tenant_id = given.tenant_id and j.id = given.id and j.lease = given.lease`.execute(
        db,
      ),
    )
  }

  /** What the queue holds, over all tenants. */
  async stats(): Promise<QueueStats> {
    const { rows } = await this.#database.asWorker((db) =>
      sql<{ state: string; count: number; oldest: number }>`
        select state, count(*)::int as count,
          coalesce(extract(epoch from now() - min(run_at)), 0)::float8 as oldest
        from tenantry.jobs group by state`.execute(db),
    )
    const oldest = rows.find((it) => it.state === 'ready')?.oldest ?? 0
    const none = { ready: 0, later: 0, held: 0, running: 0, parked: 0 }
    const counts = Object.fromEntries(rows.map((it) => [it.state, it.count]))
    return { counts: { ...none, ...counts }, oldestReadySeconds: Math.max(0, oldest) }
  }

  /** Makes ready what has become due. Returns how many jobs. */
  async promote(): Promise<number> {
    const { rows } = await this.#database.asWorker((db) =>
      sql<{ promoted: number; held_until: string }>`
        select * from tenantry.promote_jobs(${PROMOTED_AT_ONCE}, ${MAX_LOST_LEASES}, ${this.#heldUntil},
          ${HELD_TENANTS_AT_ONCE})`.execute(db),
    )
    this.#heldUntil = rows[0]?.held_until ?? NIL_ID
    return rows[0]?.promoted ?? 0
  }
}
