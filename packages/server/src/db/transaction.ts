import type pg from 'pg'
import { unavailable } from '../errors.ts'
import { isDatabaseError, publicDatabaseError } from './database_error.ts'
import type { Statement } from './dialect.ts'

/**
 * One transaction on one pooled connection, opened by its first statement and by nothing else: a
 * handler that asks no query costs none. BEGIN, the statements in `setup` and the first query leave
 * in one flush where the pool pipelines.
 */
export class LazyTransaction {
  readonly #pool: pg.Pool
  readonly #setup: Statement[]
  #opening: Promise<pg.PoolClient> | undefined
  #finished = false

  constructor(pool: pg.Pool, setup: Statement[]) {
    this.#pool = pool
    this.#setup = setup
  }

  async run(statement: Statement): Promise<pg.QueryResult> {
    if (this.#finished) {
      throw new Error('a query came after its transaction had ended: await every query')
    }
    try {
      if (this.#opening !== undefined) return await (await this.#opening).query(statement)
      return await this.#open(statement)
    } catch (error) {
      throw publicDatabaseError(error)
    }
  }

  /** Ends with COMMIT when `work` succeeded and ROLLBACK when it did not; nothing if never opened. */
  async finish(outcome: 'commit' | 'rollback'): Promise<void> {
    this.#finished = true
    if (this.#opening === undefined) return
    const client = await this.#opening.catch(() => undefined)
    if (client === undefined) return
    await (outcome === 'commit' ? commit(client) : rollback(client))
  }

  async #open(first: Statement): Promise<pg.QueryResult> {
    let opened: (client: pg.PoolClient) => void = () => {}
    let failed: (error: unknown) => void = () => {}
    this.#opening = new Promise((resolve, reject) => {
      opened = resolve
      failed = reject
    })
    this.#opening.catch(() => {})
    const client = await connect(this.#pool).catch((error: unknown) => {
      failed(error)
      throw error
    })
    const sent = [{ text: 'BEGIN' }, ...this.#setup, first].map((it) => client.query(it))
    // Only now: a second query must queue behind these, not run before the tenant is set.
    opened(client)
    return lastOf(await Promise.allSettled(sent))
  }
}

/** Runs one statement on its own: no transaction, no tenant. */
export async function runAlone(pool: pg.Pool, statement: Statement): Promise<pg.QueryResult> {
  const client = await connect(pool)
  try {
    const result = await client.query(statement)
    client.release()
    return result
  } catch (error) {
    // An error the server reported leaves the connection usable; any other leaves it unknown.
    client.release(!isDatabaseError(error))
    throw publicDatabaseError(error)
  }
}

async function connect(pool: pg.Pool): Promise<pg.PoolClient> {
  try {
    return await pool.connect()
  } catch (error) {
    throw unavailable('database.unavailable', 'The database is not available', error)
  }
}

// The first failure is the cause; the ones behind it only say that the transaction is aborted.
function lastOf(results: PromiseSettledResult<pg.QueryResult>[]): pg.QueryResult {
  let last: pg.QueryResult | undefined
  for (const result of results) {
    if (result.status === 'rejected') throw result.reason
    last = result.value
  }
  if (last === undefined) throw new Error('nothing was sent')
  return last
}

async function commit(client: pg.PoolClient): Promise<void> {
  let result: pg.QueryResult
  try {
    result = await client.query({ text: 'COMMIT' })
  } catch (error) {
    client.release(true)
    throw publicDatabaseError(error)
  }
  client.release()
  // COMMIT of a failed transaction "succeeds" and answers ROLLBACK: nothing was saved.
  if (result.command !== 'COMMIT') {
    throw new Error('the transaction was rolled back: a failed query in it was ignored')
  }
}

// A client whose ROLLBACK fails may still be in its tenant's transaction: it must not be reused.
async function rollback(client: pg.PoolClient): Promise<void> {
  try {
    await client.query({ text: 'ROLLBACK' })
    client.release()
  } catch {
    client.release(true)
  }
}
