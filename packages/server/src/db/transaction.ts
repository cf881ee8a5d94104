import type { CompiledQuery, Kysely } from 'kysely'
import type pg from 'pg'
import type { Deadline } from '../lib/deadline.ts'
import { unavailable } from '../lib/errors.ts'
import { acquire, type PooledConnection } from './connection.ts'
import { boundKysely, type Statement, type StatementFormat, statementOf } from './kysely.ts'
import { addMissingReference } from './missing_reference.ts'
import { traced } from './transaction_span.ts'

/** Longer than any request may take. No transaction holds locks for longer. */
const MAX_TRANSACTION_MS = 30_000

const TIMER_STEP_MS = 100

// Their limits of time begin together.
const MAX_WITH_COMMIT = 100

interface Opened {
  client: PooledConnection
  /** The reply to the statement that opened it. */
  first: Promise<pg.QueryResult>
}

/** Where and how a transaction opens. */
export interface TransactionSettings {
  pool: pg.Pool
  format: StatementFormat
  deadline: Deadline
  /** Sets the tenant. Without it the transaction sees what its role sees without a tenant. */
  setup?: Statement
  /** The limit of the whole transaction, in milliseconds. */
  maxMs?: number
}

/** Work on a connection that must be finished. */
export interface Finishable {
  /** Closes it if no statement was sent. False if one was: then `finish` must be called. */
  closeIfUnused(): boolean
  /** `error`: why the work failed. */
  finish(outcome: 'commit' | 'rollback', error?: unknown): Promise<void>
}

/** Access to the data that opens with its first query, and costs next to nothing before that. */
export interface Transaction<Database> extends Finishable {
  readonly db: Kysely<Database>
}

/**
 * One transaction on one pooled connection, opened by its first statement: a handler that sends no query
 * takes no connection. On a pipelining pool BEGIN, the tenant and the first query leave in one write.
 */
export class WriteTransaction<Database> implements Transaction<Database> {
  readonly #settings: TransactionSettings
  #db: Kysely<Database> | undefined
  #openedAt = 0
  #statements = 0
  #opening: Promise<Opened> | undefined
  readonly #last: Statement[] = []
  #committed: (() => void) | undefined
  #finished = false

  constructor(settings: TransactionSettings) {
    this.#settings = settings
  }

  get db(): Kysely<Database> {
    this.#db ??= boundKysely((statement) => this.run(statement), this.#settings.format)
    return this.#db
  }

  closeIfUnused(): boolean {
    this.#finished ||= this.#opening === undefined
    return this.#opening === undefined
  }

  async run(statement: Statement): Promise<pg.QueryResult> {
    if (this.#finished) {
      throw new Error('a query was sent after its transaction had ended: await every query')
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

  /**
   * Queues a statement whose result is not needed, to be sent together with COMMIT. If none was sent
   * before, it opens the transaction, and is sent now.
   */
  async sendWithCommit(query: CompiledQuery): Promise<void> {
    const statement = statementOf(query, this.#settings.format)
    if (this.#opening === undefined || this.#finished) {
      await this.run(statement)
      return
    }
    this.#last.push(statement)
    if (this.#last.length < MAX_WITH_COMMIT) return
    await Promise.all(this.#last.splice(0).map((it) => this.run(it)))
  }

  /** Calls `hook` once if, and when, this transaction has committed. */
  onCommit(hook: () => void): void {
    this.#committed = hook
  }

  /** Commits or rolls back. Does nothing if no statement opened the transaction. */
  async finish(outcome: 'commit' | 'rollback', error?: unknown): Promise<void> {
    this.#finished = true
    const opening = this.#opening
    if (opening === undefined) return
    const { pool } = this.#settings
    const work = { pool, startedAt: this.#openedAt, statements: this.#statements, outcome }
    await traced(work, () =>
      outcome === 'commit' ? commit(opening, this.#last) : rollback(opening, error),
    )
    if (outcome === 'commit') this.#committed?.()
  }

  // PostgreSQL limits each statement and the idle time between two; this limits their sum.
  #assertInTime(): void {
    const { maxMs = MAX_TRANSACTION_MS } = this.#settings
    if (performance.now() - this.#openedAt <= maxMs) return
    throw unavailable('database.transaction_too_long', 'The request took too long')
  }

  // Sends everything before it resolves: a second query is queued behind, and cannot run before the
  // tenant is set.
  async #open(statement: Statement): Promise<Opened> {
    const { pool, deadline, setup } = this.#settings
    const client = await acquire(pool, deadline)
    const begin = { text: 'BEGIN', ...firstReplyTimeout(deadline) }
    const before = setup === undefined ? [begin] : [begin, setup]
    return { client, first: client.runBatch([...before, statement]) }
  }
}

/** Runs one statement without a transaction and without a tenant. */
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
 * The timeout of a statement that takes the server no time, such as BEGIN. It tells a server that does not
 * answer from a slow statement: the reply must arrive within the rest of the wait for a connection.
 */
export function firstReplyTimeout({ remainingMs }: Deadline): Pick<Statement, 'query_timeout'> {
  // Rounded up: Node.js keeps a list of timers for each distinct duration.
  return { query_timeout: Math.ceil(remainingMs / TIMER_STEP_MS) * TIMER_STEP_MS }
}

const END: Statement = { text: 'COMMIT' }

async function commit(opening: Promise<Opened>, last: readonly Statement[]): Promise<void> {
  const { client } = await opening
  const statements = [...last, END]
  try {
    const { command } = await client.runBatch(statements, statements.indexOf(END), 0)
    // COMMIT of an aborted transaction succeeds with the command tag ROLLBACK: nothing was saved.
    if (command === 'COMMIT') return
  } catch (error) {
    // COMMIT checks deferred foreign keys.
    await addMissingReference(client, error).catch(() => {})
    throw error
  } finally {
    client.release()
  }
  throw new Error(
    'the transaction was rolled back, because one of its queries failed and the error was ignored',
  )
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
