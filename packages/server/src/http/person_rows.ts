import type { Kysely } from 'kysely'
import { lockOwnSession } from '../access/sessions/own_session.ts'
import type { Actor, AuditNote, PersonContext, RequestInfo, Tenant } from '../app/context.ts'
import type { KernelTables } from '../db/tables.ts'
import type { Database } from '../db/tenancy.ts'
import { enqueueIn, type JobSignal } from '../jobs/enqueue.ts'
import type { Deadline } from '../lib/deadline.ts'
import { auditStatement } from './audit_statement.ts'
import type { ReadyRequest } from './ready_request.ts'
import { IfMatch } from './request/if_match.ts'

/** The context of a write on the signed-in person's own account. */
export class PersonRows implements PersonContext<KernelTables> {
  readonly tenant: Tenant
  readonly request: RequestInfo
  readonly deadline: Deadline
  readonly actor: Actor
  readonly #database: Database
  readonly #jobs: JobSignal
  readonly #ready: ReadyRequest
  readonly #ifMatch: IfMatch
  #note: AuditNote = {}
  #isOpened = false

  constructor(database: Database, jobs: JobSignal, ready: ReadyRequest, actor: Actor) {
    this.tenant = ready.tenant
    this.request = ready.info
    this.deadline = ready.deadline
    this.actor = actor
    this.#database = database
    this.#jobs = jobs
    this.#ready = ready
    this.#ifMatch = new IfMatch(ready.headers['if-match'], ready.served.serializeForEtag)
  }

  // Functions and not methods: a handler may destructure them.
  get audit(): (note: AuditNote) => void {
    return (added) => {
      this.#note = { ...this.#note, ...added }
    }
  }

  get requireMatch(): (current: unknown) => void {
    return (current) => this.#ifMatch.compare(current)
  }

  get asPerson(): PersonContext<KernelTables>['asPerson'] {
    return async (work) => {
      // A second transaction would need an audit row of its own, and could leave half of the work done.
      if (this.#isOpened) throw new Error('ctx.asPerson may be called once in a request')
      this.#isOpened = true
      let hasJobs = false
      const done = await this.#database.asIdentity(this, async (db) => {
        await lockOwnSession(db, this.actor)
        const origin = { db, actorId: this.actor.user.id, requestId: this.request.id }
        const enqueue = enqueueIn(
          () => origin,
          () => {
            hasJobs = true
          },
        )
        const result = await work(db, enqueue)
        this.#ifMatch.assertCompared()
        await db.executeQuery(this.#auditRow(db, result))
        return result
      })
      if (hasJobs) this.#jobs.notify()
      return done
    }
  }

  #auditRow(db: Kysely<KernelTables>, result: unknown) {
    const { audit = '' } = this.#ready.served.route
    return auditStatement(db, audit, this.#ready, { actor: this.actor, note: this.#note, result })
  }
}
