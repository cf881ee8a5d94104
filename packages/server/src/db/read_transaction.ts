import type { Kysely } from 'kysely'
import type pg from 'pg'
import { acquire, type PooledConnection } from './connection.ts'
import { isReadOnlyViolation } from './errors.ts'
import { boundKysely, type Statement } from './kysely.ts'
import { firstReplyTimeout, type Transaction, type TransactionSettings } from './transaction.ts'
import { traced } from './transaction_span.ts'

/**
 * The reads of one request, on one connection that is acquired for the first query. Each query is a
 * read-only transaction of its own, sent in one write. READ COMMITTED gives each query its own snapshot
 * anyway, so one transaction around them all would only be held open between queries.
 */
export class ReadTransaction<Database> implements Transaction<Database> {
  readonly #settings: TransactionSettings & { setup: Statement }
  #db: Kysely<Database> | undefined
  #client: Promise<PooledConnection> | undefined
  #last: Promise<unknown> | undefined
  #openedAt = 0
  #statements = 0
  #finished = false

  constructor(settings: TransactionSettings & { setup: Statement }) {
    this.#settings = settings
  }

  get db(): Kysely<Database> {
    this.#db ??= boundKysely((statement) => this.run(statement), this.#settings.named)
    return this.#db
  }

  closeIfUnused(): boolean {
    this.#finished ||= this.#client === undefined
    return this.#client === undefined
  }

  run(statement: Statement): Promise<pg.QueryResult> {
    const result = this.#read(statement)
    this.#last = result
    return result
  }

  /** Releases the connection after its last query. There is nothing to commit or roll back. */
  async finish(outcome: 'commit' | 'rollback'): Promise<void> {
    this.#finished = true
    // If one of several concurrent queries failed, the others still run on the connection.
    await this.#last?.catch(() => {})
    const client = await this.#client?.catch(() => undefined)
    if (client === undefined) return
    const { pool } = this.#settings
    const work = { pool, startedAt: this.#openedAt, statements: this.#statements, outcome }
    await traced(work, async () => client.release())
  }

  async #read(statement: Statement): Promise<pg.QueryResult> {
    if (this.#finished) {
      throw new Error('a query was sent after its request had ended: await every query')
    }
    const { pool, deadline, setup } = this.#settings
    const isFirst = this.#client === undefined
    if (isFirst) this.#openedAt = performance.now()
    this.#client ??= acquire(pool, deadline)
    this.#statements++
    const client = await this.#client
    // Only the first query gets a reply immediately: a later one may be queued behind a slow one.
    const begin = { text: 'BEGIN READ ONLY', ...(isFirst ? firstReplyTimeout(deadline) : {}) }
    const batch = [begin, setup, statement, { text: 'COMMIT' }]
    return client.runBatch(batch, batch.indexOf(statement)).catch(explainWrite)
  }
}

// Elsewhere this error means a read-only server, which is a 503. Here the app's route is wrong.
function explainWrite(error: unknown): never {
  if (!isReadOnlyViolation(error)) throw error
  throw new Error('a GET can only read, and its handler tried to write: make it a POST', {
    cause: error,
  })
}
