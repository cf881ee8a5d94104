import type { Kysely } from 'kysely'
import type { AuditNote, PublicRowsContext, RequestInfo, Tenant } from '../app/context.ts'
import type { KernelTables } from '../db/tables.ts'
import type { Database } from '../db/tenancy.ts'
import type { Deadline } from '../lib/deadline.ts'
import { auditStatement } from './audit_statement.ts'
import type { ReadyRequest } from './ready_request.ts'

/** The context of a public route that declares why it may reach its tenant's rows. */
export class PublicRows implements PublicRowsContext<KernelTables> {
  readonly tenant: Tenant
  readonly request: RequestInfo
  readonly deadline: Deadline
  readonly #database: Database
  readonly #ready: ReadyRequest
  #note: AuditNote = {}
  #isOpened = false

  constructor(database: Database, ready: ReadyRequest) {
    this.tenant = ready.tenant
    this.request = ready.info
    this.deadline = ready.deadline
    this.#database = database
    this.#ready = ready
  }

  // Functions and not methods: a handler may destructure them.
  get audit(): (note: AuditNote) => void {
    return (added) => {
      this.#note = { ...this.#note, ...added }
    }
  }

  get inTenant(): <T>(work: (db: Kysely<KernelTables>) => Promise<T>) => Promise<T> {
    return async (work) => {
      if (this.#ready.served.route.method === 'GET') {
        return this.#database.read(this.#ready, ({ db }) => work(db))
      }
      return this.#write(work)
    }
  }

  #write<T>(work: (db: Kysely<KernelTables>) => Promise<T>): Promise<T> {
    // A second transaction would need an audit row of its own, and could leave half of the work done.
    if (this.#isOpened)
      throw new Error(
        'ctx.inTenant may be called once in a request: do all of the work in one call',
      )
    this.#isOpened = true
    return this.#database.write(this.#ready, async (transaction) => {
      const result = await work(transaction.db)
      const { audit } = this.#ready.served.route
      if (audit !== undefined) {
        const about = { actor: undefined, note: this.#note, result }
        transaction.sendWithCommit(auditStatement(transaction.db, audit, this.#ready, about))
      }
      return result
    })
  }
}
