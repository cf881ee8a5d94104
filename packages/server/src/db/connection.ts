import pg from 'pg'
import { type Deadline, rejectAfter } from '../lib/deadline.ts'
import { AppError, unavailable } from '../lib/errors.ts'
import { publicDatabaseError, spoilsConnection } from './errors.ts'
import type { Statement } from './kysely.ts'

/**
 * A connection acquired from the pool. Statements run in the order given. `release` returns it to the
 * pool only outside of a transaction and in a usable state; otherwise the connection is closed.
 */
export class PooledConnection {
  readonly #client: pg.PoolClient
  #last: Promise<unknown> = Promise.resolve()
  #returned = false
  #isCorked = false

  constructor(client: pg.PoolClient) {
    this.#client = client
  }

  /** Statements that are sent together, without waiting between them, leave in one write. */
  async run(statement: Statement): Promise<pg.QueryResult> {
    this.#corkUntilSent()
    try {
      return await this.#send(statement)
    } catch (error) {
      // Shows who sent the statement, instead of where the reply was read from the socket.
      if (error instanceof Error) Error.captureStackTrace(error)
      if (spoilsConnection(error)) this.#return(true)
      throw publicDatabaseError(error)
    }
  }

  /**
   * Sends all statements without waiting between them. Returns the reply to the one at `wanted`, by
   * default the last. The first `preparing` statements, by default all before `wanted`, set the
   * connection up: if one of them fails, the connection is closed.
   */
  async runBatch(
    statements: Statement[],
    wanted = statements.length - 1,
    preparing = wanted,
  ): Promise<pg.QueryResult> {
    const sent = this.#inOneWrite(() => statements.map((it) => this.run(it)))
    const replies = await Promise.allSettled(sent)
    const failed = replies.findIndex((it) => it.status === 'rejected')
    if (failed !== -1 && failed < preparing) this.#return(true)
    return replyAt(replies, wanted)
  }

  release(): void {
    this.#return(this.#client.getTransactionStatus() !== 'I')
  }

  // node-postgres writes each statement separately, and each write wakes the server: several statements in
  // one write cost little more than one.
  #inOneWrite<T>(send: () => T): T {
    const { stream } = this.#client.connection
    stream.cork()
    this.#isCorked = true
    try {
      return send()
    } finally {
      this.#isCorked = false
      stream.uncork()
    }
  }

  // The next tick begins when all that does not wait for a reply has run.
  #corkUntilSent(): void {
    if (this.#isCorked) return
    const { stream } = this.#client.connection
    stream.cork()
    this.#isCorked = true
    process.nextTick(() => {
      this.#isCorked = false
      stream.uncork()
    })
  }

  // Without pipelining a client accepts a statement only after the reply to the one before.
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

/** Waits for a connection until the deadline. Throws 503. */
export async function acquire(pool: pg.Pool, deadline: Deadline): Promise<PooledConnection> {
  const isIdle = pool.idleCount > pool.waitingCount
  const connecting = pool.connect()
  try {
    // An idle connection is there immediately: no timer is needed.
    if (isIdle) return new PooledConnection(await connecting)
    return new PooledConnection(await deadline.wait((ms) => rejectAfter(ms, connecting)))
  } catch (error) {
    // The connection may still arrive after the caller has given up.
    connecting.then(
      (client) => client.release(),
      () => {},
    )
    if (error instanceof AppError) throw error
    throw unavailable('database.unavailable', 'The database is not available', error)
  }
}

// Creates the driver's Query object here. Given plain settings, the driver copies them by their property
// descriptors, which costs more than everything else that it does before it sends.
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

// The first failure is the cause; those after it only report that the transaction is aborted.
function replyAt(
  replies: readonly PromiseSettledResult<pg.QueryResult>[],
  wanted: number,
): pg.QueryResult {
  for (const reply of replies) if (reply.status === 'rejected') throw reply.reason
  const reply = replies[wanted]
  if (reply?.status !== 'fulfilled') throw new Error('nothing was sent')
  return reply.value
}
