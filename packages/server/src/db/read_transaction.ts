import type { Kysely } from 'kysely'
import type pg from 'pg'
import { isReadOnlyViolation } from './errors.ts'
import { boundKysely, type Statement } from './kysely.ts'
import { ReadConnection } from './read_connection.ts'
import type { ReadReplica } from './replica/read_replica.ts'
import { ReplicaReads } from './replica/replica_reads.ts'
import type { Transaction, TransactionSettings } from './transaction.ts'

interface ReadSettings extends TransactionSettings {
  setup: Statement
  /** Where queries on the data plane alone may go. */
  replica?: ReadReplica | undefined
}

/**
 * The reads of one request, on one connection that is acquired for the first query. Each query is a
 * read-only transaction of its own, sent in one write. READ COMMITTED gives each query its own snapshot
 * anyway, so one transaction around them all would only be held open between queries.
 *
 * They begin on the replica where there is one, and stay on the primary after the first query that needs it:
 * a request never goes back in time.
 */
export class ReadTransaction<Database> implements Transaction<Database> {
  readonly #settings: ReadSettings
  #primary: ReadConnection | undefined
  #replica: ReplicaReads | undefined
  #db: Kysely<Database> | undefined
  #finished = false

  constructor(settings: ReadSettings) {
    this.#settings = settings
    const { replica, format, setup } = settings
    if (replica === undefined || format.tenant === undefined) return
    this.#replica = new ReplicaReads(replica, format.tenant.id, setup)
  }

  get db(): Kysely<Database> {
    this.#db ??= boundKysely((statement) => this.run(statement), this.#settings.format)
    return this.#db
  }

  closeIfUnused(): boolean {
    const isUsed = this.#primary !== undefined || this.#replica?.isUsed === true
    this.#finished ||= !isUsed
    return !isUsed
  }

  async run(statement: Statement): Promise<pg.QueryResult> {
    this.#assertOngoing()
    const result = this.#onReplica(statement) ?? this.#onPrimary(statement)
    return result.catch(explainWrite)
  }

  async finish(outcome: 'commit' | 'rollback'): Promise<void> {
    this.#finished = true
    await Promise.all([this.#primary?.release(outcome), this.#replica?.release(outcome)])
  }

  #onReplica(statement: Statement): Promise<pg.QueryResult> | undefined {
    if (this.#primary !== undefined) return undefined
    return this.#replica?.read(statement, () => {
      this.#assertOngoing()
      return this.#onPrimary(statement)
    })
  }

  #onPrimary(statement: Statement): Promise<pg.QueryResult> {
    this.#primary ??= new ReadConnection(this.#settings)
    return this.#primary.read(statement)
  }

  #assertOngoing(): void {
    if (!this.#finished) return
    throw new Error('a query was sent after its request had ended: await every query')
  }
}

// Elsewhere this error means a read-only server, which is a 503. Here the app's route is wrong.
function explainWrite(error: unknown): never {
  if (!isReadOnlyViolation(error)) throw error
  throw new Error('a GET can only read, and its handler tried to write: make it a POST', {
    cause: error,
  })
}
