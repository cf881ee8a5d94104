import type { Kysely } from 'kysely'
import type pg from 'pg'
import { acquire, type PooledConnection } from './connection.ts'
import { isRefusedWrite } from './errors.ts'
import { boundKysely, type Statement } from './kysely.ts'
import { firstReplyTimeout, type Transaction, type TransactionSettings } from './transaction.ts'
import { traced } from './transaction_span.ts'

/**
 * What one request reads, on one connection that is borrowed for its first query. Each query is a
 * read-only transaction of its own, whole in one write: READ COMMITTED would show each its own
 * snapshot anyway, so nothing is gained by waiting in between with an open one.
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
    const answer = this.#read(statement)
    this.#last = answer
    return answer
  }

  /** Gives the connection back when its queries are over. There is nothing to keep or to take back. */
  async finish(outcome: 'commit' | 'rollback'): Promise<void> {
    this.#finished = true
    // Where one of several queries at once failed, the others still run on it.
    await this.#last?.catch(() => {})
    const client = await this.#client?.catch(() => undefined)
    if (client === undefined) return
    const { pool } = this.#settings
    const work = { pool, startedAt: this.#openedAt, statements: this.#statements, outcome }
    await traced(work, async () => client.release())
  }

  async #read(statement: Statement): Promise<pg.QueryResult> {
    if (this.#finished) {
      throw new Error('a query came after its request had ended: await every query')
    }
    const { pool, deadline, setup } = this.#settings
    const isFirst = this.#client === undefined
    if (isFirst) this.#openedAt = performance.now()
    this.#client ??= acquire(pool, deadline)
    this.#statements++
    const client = await this.#client
    // Only the first has nothing to wait for: another may stand behind the work of those before it.
    const begin = { text: 'BEGIN READ ONLY', ...(isFirst ? firstReplyTimeout(deadline) : {}) }
    const batch = [begin, setup, statement, { text: 'COMMIT' }]
    return client.runBatch(batch, batch.indexOf(statement)).catch(refuse)
  }
}

// Of a server that takes no writes at all this would be a 503; here it is the app's fault.
function refuse(error: unknown): never {
  if (!isRefusedWrite(error)) throw error
  throw new Error('a GET only reads, and its handler tried to write: make it a POST', {
    cause: error,
  })
}
