import type { Kysely } from 'kysely'
import type {
  Actor,
  AuditNote,
  Cursors,
  RequestInfo,
  Tenant,
  TenantContext,
} from '../app/context.ts'
import type { KernelTables } from '../db/tables.ts'
import type { Transaction } from '../db/transaction.ts'
import type { Deadline } from '../lib/deadline.ts'
import type { KeyRing } from '../lib/keys.ts'
import type { ReadyRequest } from './ready_request.ts'
import { cursorsFor } from './request/cursor.ts'
import { IfMatch } from './request/if_match.ts'

/**
 * What the handler of one signed-in request is given. Most handlers use little of it, so each part is
 * made when it is asked for.
 */
export class HandlerContext implements TenantContext<KernelTables> {
  readonly tenant: Tenant
  readonly request: RequestInfo
  readonly deadline: Deadline
  readonly actor: Actor
  readonly #keys: KeyRing
  readonly #ready: ReadyRequest
  readonly #unit: Pick<Transaction<KernelTables>, 'db'>
  #note: AuditNote | undefined
  #ifMatch: IfMatch | undefined

  constructor(
    { keys }: { keys: KeyRing },
    ready: ReadyRequest,
    unit: Pick<Transaction<KernelTables>, 'db'>,
    actor: Actor,
  ) {
    this.tenant = ready.tenant
    this.request = ready.info
    this.deadline = ready.deadline
    this.actor = actor
    this.#keys = keys
    this.#ready = ready
    this.#unit = unit
  }

  get db(): Kysely<KernelTables> {
    return this.#unit.db
  }

  get cursors(): Cursors {
    return cursorsFor(this.#keys, this.tenant.id, this.#ready.served.route.path)
  }

  // Functions of their own and no methods: a handler may take them out of the context.
  get audit(): (note: AuditNote) => void {
    return (added) => {
      this.#note = { ...this.#note, ...added }
    }
  }

  get requireMatch(): (current: unknown) => void {
    return (current) => this.#condition().compare(current)
  }

  /** What the handler said for its audit row. */
  get note(): AuditNote {
    return this.#note ?? {}
  }

  /** Throws 400 where an If-Match was sent that the handler did not look at. */
  assertCompared(): void {
    if (this.#ready.ifMatch !== undefined) this.#condition().assertCompared()
  }

  #condition(): IfMatch {
    this.#ifMatch ??= new IfMatch(this.#ready.ifMatch, this.#ready.served.serializeForEtag)
    return this.#ifMatch
  }
}
