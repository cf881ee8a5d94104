import type { CompiledQuery, Kysely } from 'kysely'
import type pg from 'pg'
import type { Deadline } from '../lib/deadline.ts'
import { unavailable } from '../lib/errors.ts'
import { acquire, type PooledConnection } from './connection.ts'
import { boundKysely, type Statement, statementOf } from './kysely.ts'
import { addMissingReference } from './missing_reference.ts'
import { traced } from './transaction_span.ts'

/** Longer than any request may take to arrive and be handled; nobody holds locks for longer. */
const MAX_TRANSACTION_MS = 30_000

const TIMER_STEP_MS = 100

interface Opened {
  client: PooledConnection
  /** The reply to the statement that opened it. */
  first: Promise<pg.QueryResult>
}

/** Where and how a transaction opens. */
export interface TransactionSettings {
  pool: pg.Pool
  /** Are statements prepared by name? */
  named: boolean
  deadline: Deadline
  /** What makes it a tenant's; without it shows what its role sees. */
  setup?: Statement
  /** How long it may take in all, in milliseconds. */
  maxMs?: number
}

/** Something that has to be ended. */
export interface Finishable {
  /** Takes no more statements, if none came so far. False where one did: then it has to be finished. */
  closeIfUnused(): boolean
  /** `error` is what the work failed with. */
  finish(outcome: 'commit' | 'rollback', error?: unknown): Promise<void>
}

/** Work on the data that begins with its first query, and costs next to nothing before. */
export interface Transaction<Database> extends Finishable {
  readonly db: Kysely<Database>
}

/**
 * One transaction on one pooled connection, opened by its first statement and by nothing else: a
 * handler that asks no query costs none. BEGIN, the tenant and the first query leave in one flush
 * where the pool pipelines.
 */
export class WriteTransaction<Database> implements Transaction<Database> {
  readonly #settings: TransactionSettings
  #db: Kysely<Database> | undefined
  #openedAt = 0
  #statements = 0
  #opening: Promise<Opened> | undefined
  #last: Statement | undefined
  #finished = false

  constructor(settings: TransactionSettings) {
    this.#settings = settings
  }

  get db(): Kysely<Database> {
    this.#db ??= boundKysely((statement) => this.run(statement), this.#settings.named)
    return this.#db
  }

  closeIfUnused(): boolean {
    this.#finished ||= this.#opening === undefined
    return this.#opening === undefined
  }

  async run(statement: Statement): Promise<pg.QueryResult> {
    if (this.#finished) {
      throw new Error('a query came after its transaction had ended: await every query')
    }
    this.#statements++
    if (this.#opening !== undefined) {
      this.#assertInTime()
      return (await this.#opening).client.run(statement)
    }
    this.#openedAt = performance.now()
    this.#opening = this.#open(statement)
    return (await this.#opening).first
  }

  /** Takes a statement that is sent together with COMMIT: nobody needs its answer before. */
  sendWithCommit(query: CompiledQuery): void {
    this.#last = statementOf(query, this.#settings.named)
  }

  /** Ends with COMMIT when `work` succeeded and ROLLBACK when it did not; nothing if never opened. */
  async finish(outcome: 'commit' | 'rollback', error?: unknown): Promise<void> {
    this.#finished = true
    const opening = this.#opening
    if (opening === undefined) return
    const { pool } = this.#settings
    const work = { pool, startedAt: this.#openedAt, statements: this.#statements, outcome }
    await traced(work, () =>
      outcome === 'commit' ? commit(opening, this.#last) : rollback(opening, error),
    )
  }

  // Each statement has its limit, and so has the time between two; this is the limit of them all.
  #assertInTime(): void {
    const { maxMs = MAX_TRANSACTION_MS } = this.#settings
    if (performance.now() - this.#openedAt <= maxMs) return
    throw unavailable('database.transaction_too_long', 'The request took too long')
  }

  // All of it is sent before this resolves: a second query queues behind, it cannot run before the
  // tenant is set.
  async #open(statement: Statement): Promise<Opened> {
    const { pool, deadline, setup } = this.#settings
    const client = await acquire(pool, deadline)
    const begin = { text: 'BEGIN', ...firstReplyTimeout(deadline) }
    const before = setup === undefined ? [begin] : [begin, setup]
    return { client, first: client.runBatch([...before, statement]) }
  }
}

/** Runs one statement on its own: no transaction, no tenant. */
export async function runStatement(
  pool: pg.Pool,
  statement: Statement,
  deadline: Deadline,
): Promise<pg.QueryResult> {
  const work = { pool, startedAt: performance.now(), statements: 1, outcome: 'commit' } as const
  return traced(work, async () => {
    const client = await acquire(pool, deadline)
    try {
      return await client.runBatch([{ text: '', ...firstReplyTimeout(deadline) }, statement])
    } finally {
      client.release()
    }
  })
}

/**
 * The limit of a statement that takes the server no time: it tells a slow one from a server that does
 * not answer at all, so its reply may take no longer than what is left of the wait for a connection.
 */
export function firstReplyTimeout({
  remainingMs: leftMs,
}: Deadline): Pick<Statement, 'query_timeout'> {
  // In steps: node keeps a list for each length of a timer.
  return { query_timeout: Math.ceil(leftMs / TIMER_STEP_MS) * TIMER_STEP_MS }
}

const END: Statement = { text: 'COMMIT' }

async function commit(opening: Promise<Opened>, last: Statement | undefined): Promise<void> {
  const { client } = await opening
  const statements = last === undefined ? [END] : [last, END]
  try {
    const { command } = await client.runBatch(statements, statements.indexOf(END), 0)
    // COMMIT of a failed transaction "succeeds" and answers ROLLBACK: nothing was saved.
    if (command === 'COMMIT') return
  } catch (error) {
    // A deferred foreign key is checked by COMMIT.
    await addMissingReference(client, error).catch(() => {})
    throw error
  } finally {
    client.release()
  }
  throw new Error('the transaction was rolled back: a failed query in it was ignored')
}

async function rollback(opening: Promise<Opened>, error: unknown): Promise<void> {
  const opened = await opening.catch(() => undefined)
  if (opened === undefined) return
  const { client } = opened
  await client
    .run({ text: 'ROLLBACK' })
    .then(() => addMissingReference(client, error))
    .catch(() => {})
  client.release()
}
