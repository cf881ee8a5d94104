import type { Kysely } from 'kysely'
import type { AuditNote, PublicRowsContext, RequestInfo, Tenant } from '../app/context.ts'
import type { Enqueue } from '../app/jobs/job.ts'
import type { KernelTables } from '../db/tables.ts'
import type { Database, RequestTransaction } from '../db/tenancy.ts'
import { enqueueIn, type JobSignal } from '../jobs/enqueue.ts'
import type { Deadline } from '../lib/deadline.ts'
import { auditStatement } from './audit_statement.ts'
import type { ReadyRequest } from './ready_request.ts'

type RowsWork<T> = (db: Kysely<KernelTables>, enqueue: Enqueue) => Promise<T>

/** The context of a public route that declares why it may reach its tenant's rows. */
export class PublicRows implements PublicRowsContext<KernelTables> {
  readonly tenant: Tenant
  readonly request: RequestInfo
  readonly deadline: Deadline
  readonly #database: Database
  readonly #jobs: JobSignal
  readonly #ready: ReadyRequest
  #note: AuditNote = {}
  #isOpened = false

  constructor(database: Database, jobs: JobSignal, ready: ReadyRequest) {
    this.tenant = ready.tenant
    this.request = ready.info
    this.deadline = ready.deadline
    this.#database = database
    this.#jobs = jobs
    this.#ready = ready
  }

  // Functions and not methods: a handler may destructure them.
  get audit(): (note: AuditNote) => void {
    return (added) => {
      this.#note = { ...this.#note, ...added }
    }
  }

  get inTenant(): <T>(work: RowsWork<T>) => Promise<T> {
    return async (work) => {
      if (this.#ready.served.route.method === 'GET') {
        return this.#database.read(this.#ready, ({ db }) => work(db, this.#enqueueIn({ db })))
      }
      return this.#write(work)
    }
  }

  #write<T>(work: RowsWork<T>): Promise<T> {
    // A second transaction would need an audit row of its own, and could leave half of the work done.
    if (this.#isOpened)
      throw new Error(
        'ctx.inTenant may be called once in a request: do all of the work in one call',
      )
    this.#isOpened = true
    return this.#database.write(this.#ready, async (transaction) => {
      const result = await work(transaction.db, this.#enqueueIn(transaction))
      const { audit } = this.#ready.served.route
      if (audit !== undefined) {
        const about = { actor: undefined, note: this.#note, result }
        await transaction.sendWithCommit(auditStatement(transaction.db, audit, this.#ready, about))
      }
      return result
    })
  }

  // A GET has no COMMIT, and adds no job: PostgreSQL rejects it.
  #enqueueIn(transaction: Pick<RequestTransaction, 'db'> & Partial<RequestTransaction>): Enqueue {
    const origin = { db: transaction.db, transaction, requestId: this.request.id }
    return enqueueIn(
      () => origin,
      () => transaction.onCommit?.(() => this.#jobs.notify()),
    )
  }
}
