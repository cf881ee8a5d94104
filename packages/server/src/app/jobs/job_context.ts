import type { Kysely } from 'kysely'
import type { Deadline } from '../../lib/deadline.ts'
import type { Actor, AuditNote, RequestInfo, Tenant } from '../context.ts'
import type { Enqueue } from './job.ts'

/** Which job runs. */
export interface JobInfo {
  id: string
  kind: string
  /** 1 for the first run. */
  attempt: number
}

/** The context of a job: its tenant's rows, and who caused it. */
export interface JobContext<Database> {
  tenant: Tenant
  job: JobInfo
  /**
   * The member who added the job, with the permissions of today. Undefined if a schedule added it, or if
   * the member is no longer active: a job must not do what its actor may no longer do.
   */
  actor: Actor | undefined
  /** Stands in for the request: its id is the one of the request that added the job, if there was one. */
  request: RequestInfo
  /** How long this job may still wait for the database. */
  deadline: Deadline
  /**
   * This tenant's rows. All queries share one transaction. If PostgreSQL rolls it back because of a
   * deadlock, the job runs again from its start: it must have no effects outside of `db`.
   */
  db: Kysely<Database>
  /** Adds to the audit row of this job, which it has if it declares `audit`. */
  audit(note: AuditNote): void
  /** Adds another job in this transaction. */
  enqueue: Enqueue
}
