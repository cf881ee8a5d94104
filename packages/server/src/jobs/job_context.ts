import type { Kysely } from 'kysely'
import type { Actor, AuditNote, RequestInfo, Tenant } from '../app/context.ts'
import type { Enqueue, Job } from '../app/jobs/job.ts'
import type { JobContext, JobInfo } from '../app/jobs/job_context.ts'
import { auditInsert } from '../audit/audit_log.ts'
import type { KernelTables } from '../db/tables.ts'
import type { RequestTransaction } from '../db/tenancy.ts'
import type { Deadline } from '../lib/deadline.ts'
import { enqueueIn, type JobSignal } from './enqueue.ts'
import { LeaseLost } from './failure.ts'
import type { ClaimedJob } from './queue.ts'
import { type TakenRow, takeQuery } from './take_query.ts'

interface Parts {
  deps: { signal: JobSignal }
  job: Job
  claimed: ClaimedJob
  row: TakenRow
  tenant: Tenant
  actor: Actor | undefined
  deadline: Deadline
  transaction: RequestTransaction
}

/** The context of one transaction of a job. */
export class RunningJobContext implements JobContext<KernelTables> {
  readonly tenant: Tenant
  readonly job: JobInfo
  readonly actor: Actor | undefined
  readonly request: RequestInfo
  readonly deadline: Deadline
  readonly #parts: Parts
  #note: AuditNote = {}

  constructor(parts: Parts) {
    const { claimed, row } = parts
    this.tenant = parts.tenant
    this.job = { id: claimed.id, kind: claimed.kind, attempt: claimed.attempts }
    this.actor = parts.actor
    this.request = { id: row.request_id || claimed.id, address: '', userAgent: 'tenantry worker' }
    this.deadline = parts.deadline
    this.#parts = parts
  }

  get db(): Kysely<KernelTables> {
    return this.#parts.transaction.db
  }

  // Functions and not methods: a job may destructure them.
  get audit(): (note: AuditNote) => void {
    return (added) => {
      this.#note = { ...this.#note, ...added }
    }
  }

  get enqueue(): Enqueue {
    const { deps, transaction, row } = this.#parts
    const origin = () => ({
      db: this.db,
      transaction,
      actorId: row.actor_id ?? undefined,
      requestId: row.request_id,
    })
    return enqueueIn(origin, () => transaction.onCommit(() => deps.signal.notify()))
  }

  /** Sends the audit row of the job together with COMMIT. */
  async writeAudit(): Promise<void> {
    const { job, transaction, row } = this.#parts
    if (job.audit === undefined) return
    const { meta, entity_id = this.job.id } = this.#note
    await transaction.sendWithCommit(
      auditInsert(this.db, this.request, {
        action: job.audit,
        entity: 'jobs',
        entity_id,
        ...(row.actor_id === null ? {} : { actor_id: row.actor_id }),
        meta: { ...meta, job: job.kind, job_id: this.job.id },
      }),
    )
  }

  /** Ends the job without doing its work. */
  async end(): Promise<void> {
    const { id, lease } = this.#parts.claimed
    const { rows } = await this.db.executeQuery(takeQuery(this.db, { id, lease }))
    if (rows.length === 0) throw new LeaseLost('another worker may have this job')
  }
}
