import type pg from 'pg'
import type { Deadline } from '../lib/deadline.ts'
import { acquire, type PooledConnection } from './connection.ts'
import type { Statement } from './kysely.ts'
import { firstReplyTimeout } from './transaction.ts'
import { traced } from './transaction_span.ts'

interface ReadSettings {
  pool: pg.Pool
  deadline: Deadline
  /** Sets the tenant. */
  setup: Statement
}

/**
 * One connection for the reads of a request, acquired for the first one. Each query is a read-only
 * transaction of its own, sent in one write.
 */
export class ReadConnection {
  readonly #settings: ReadSettings
  #client: Promise<PooledConnection> | undefined
  #last: Promise<unknown> | undefined
  #openedAt = 0
  #statements = 0

  constructor(settings: ReadSettings) {
    this.#settings = settings
  }

  get isUsed(): boolean {
    return this.#client !== undefined
  }

  read(statement: Statement): Promise<pg.QueryResult> {
    const result = this.#read(statement)
    this.#last = result
    return result
  }

  /** Releases the connection after its last query. There is nothing to commit or roll back. */
  async release(outcome: 'commit' | 'rollback'): Promise<void> {
    // If one of several concurrent queries failed, the others still run on the connection.
    await this.#last?.catch(() => {})
    const client = await this.#client?.catch(() => undefined)
    if (client === undefined) return
    const { pool } = this.#settings
    const work = { pool, startedAt: this.#openedAt, statements: this.#statements, outcome }
    await traced(work, async () => client.release())
  }

  async #read(statement: Statement): Promise<pg.QueryResult> {
    const { pool, deadline, setup } = this.#settings
    const isFirst = this.#client === undefined
    if (isFirst) this.#openedAt = performance.now()
    this.#client ??= acquire(pool, deadline)
    this.#statements++
    const client = await this.#client
    // Only the first query gets a reply immediately: a later one may be queued behind a slow one.
    const begin = { text: 'BEGIN READ ONLY', ...(isFirst ? firstReplyTimeout(deadline) : {}) }
    const batch = [begin, setup, statement, { text: 'COMMIT' }]
    return client.runBatch(batch, batch.indexOf(statement))
  }
}
