import pg from 'pg'
import { type Deadline, rejectAfter } from '../lib/deadline.ts'
import { unavailable } from '../lib/errors.ts'
import { publicDatabaseError, spoilsConnection } from './errors.ts'
import type { Statement } from './kysely.ts'

/**
 * A pooled connection on loan. Statements run in the order given. It goes back only in the state in
 * which it came: outside of a transaction and fit for the next borrower.
 */
export class PooledConnection {
  readonly #client: pg.PoolClient
  #last: Promise<unknown> = Promise.resolve()
  #returned = false

  constructor(client: pg.PoolClient) {
    this.#client = client
  }

  async run(statement: Statement): Promise<pg.QueryResult> {
    try {
      return await this.#send(statement)
    } catch (error) {
      // From where it was asked, and not from where the answer was read.
      if (error instanceof Error) Error.captureStackTrace(error)
      if (spoilsConnection(error)) this.#return(true)
      throw publicDatabaseError(error)
    }
  }

  /**
   * Sends all of them without waiting in between and gives the reply to the one at `wanted`, the last
   * unless said. The first ones, as many as there are before it unless said, prepare the connection:
   * where one of those fails, nobody may use the connection again.
   */
  async runBatch(
    statements: Statement[],
    wanted = statements.length - 1,
    preparing = wanted,
  ): Promise<pg.QueryResult> {
    const sent = inOneWrite(this.#client, () => statements.map((it) => this.run(it)))
    const replies = await Promise.allSettled(sent)
    const failed = replies.findIndex((it) => it.status === 'rejected')
    if (failed !== -1 && failed < preparing) this.#return(true)
    return replyAt(replies, wanted)
  }

  release(): void {
    this.#return(this.#client.getTransactionStatus() !== 'I')
  }

  // A client that does not pipeline takes the next statement when the one before is answered.
  #send(statement: Statement): Promise<pg.QueryResult> {
    if (this.#client.pipeline) return sendOn(this.#client, statement)
    const sent = this.#last.then(() => sendOn(this.#client, statement))
    this.#last = sent.catch(() => {})
    return sent
  }

  #return(spoiled: boolean): void {
    if (this.#returned) return
    this.#returned = true
    this.#client.release(spoiled)
  }
}

/** Waits for a connection as long as there is patience. Throws 503. */
export async function acquire(pool: pg.Pool, deadline: Deadline): Promise<PooledConnection> {
  const isIdle = pool.idleCount > pool.waitingCount
  const connecting = pool.connect()
  try {
    // One that waits for work is there at once.
    if (isIdle) return new PooledConnection(await connecting)
    return new PooledConnection(await deadline.wait((ms) => rejectAfter(ms, connecting)))
  } catch (error) {
    // It may still come, to nobody.
    connecting.then(
      (client) => client.release(),
      () => {},
    )
    throw unavailable('database.unavailable', 'The database is not available', error)
  }
}

// As a query of the driver's own: of settings it makes a copy by their descriptors, which costs more
// than all else that it does before it sends.
function sendOn(client: pg.PoolClient, statement: Statement): Promise<pg.QueryResult> {
  const { text, values, name, queryMode, query_timeout } = statement
  return new Promise((resolve, reject) => {
    const query = new pg.Query(text, values, (error, result) => {
      if (error) reject(error)
      else resolve(result)
    })
    client.query(Object.assign(query, { name, queryMode, query_timeout }))
  })
}

// node-postgres writes each statement by itself, and each write wakes the server: several in one cost
// little more than one.
function inOneWrite<T>(client: pg.PoolClient, send: () => T): T {
  const { stream } = client.connection
  stream.cork()
  try {
    return send()
  } finally {
    stream.uncork()
  }
}

// The first failure is the cause; the ones behind it only say that the transaction is aborted.
function replyAt(
  replies: readonly PromiseSettledResult<pg.QueryResult>[],
  wanted: number,
): pg.QueryResult {
  for (const reply of replies) if (reply.status === 'rejected') throw reply.reason
  const reply = replies[wanted]
  if (reply?.status !== 'fulfilled') throw new Error('nothing was sent')
  return reply.value
}
