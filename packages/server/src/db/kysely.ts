import { createHash } from 'node:crypto'
import {
  type CompiledQuery,
  type DatabaseConnection,
  DefaultQueryExecutor,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type QueryResult,
} from 'kysely'
import type pg from 'pg'

/** Runs one compiled statement. The only thing kysely gets from a database scope. */
export type RunStatement = (statement: Statement) => Promise<pg.QueryResult>

/** A statement as node-postgres takes it. */
export interface Statement {
  text: string
  values?: unknown[]
  /** Prepares the statement under this name, so that the server keeps its plan. */
  name?: string
  /** The extended protocol accepts only one statement in a text, even without values. */
  queryMode?: 'extended'
  /** In milliseconds; replaces the limit of the pool. */
  query_timeout?: number
}

const MAX_NAMED_STATEMENTS = 500
const namesBySql = new Map<string, string>()

/**
 * A kysely bound to one transaction of a database scope. It owns no connection: each query goes to
 * `run`, which opens the transaction at the first one.
 */
export function boundKysely<Database>(run: RunStatement, named: boolean): Kysely<Database> {
  const connection = boundConnection(run, named)
  const executor = new DefaultQueryExecutor(compiler, adapter, {
    provideConnection: (consumer) => consumer(connection),
  })
  return new Kysely<Database>({ config, driver, dialect, executor })
}

// Shared by all requests: a request that sends no query should pay next to nothing.
const compiler = new PostgresQueryCompiler()
const adapter = new PostgresAdapter()

const dialect = {
  createAdapter: () => adapter,
  createDriver: rejectDriver,
  createIntrospector: (db: Kysely<unknown>) => new PostgresIntrospector(db),
  createQueryCompiler: () => compiler,
}

const config = { dialect }

// kysely requires a driver, and never asks it for a connection: the executor provides one.
const driver = {
  init: async () => {},
  acquireConnection: rejectDriver,
  beginTransaction: rejectTransaction,
  commitTransaction: rejectTransaction,
  rollbackTransaction: rejectTransaction,
  releaseConnection: async () => {},
  destroy: async () => {},
}

function boundConnection(run: RunStatement, named: boolean): DatabaseConnection {
  return {
    async executeQuery<Row>(query: CompiledQuery): Promise<QueryResult<Row>> {
      const result = await run(statementOf(query, named))
      return { rows: result.rows, numAffectedRows: BigInt(result.rowCount ?? 0) }
    },
    // biome-ignore lint/correctness/useYield: kysely's interface requires a generator; a pipelining client rejects cursors.
    async *streamQuery() {
      throw new Error('a tenant transaction has no cursors: read page by page')
    },
  }
}

/** A compiled query as node-postgres takes it. With `named` the server keeps its plan. */
export function statementOf(query: CompiledQuery, named: boolean): Statement {
  const name = named ? statementName(query.sql) : undefined
  const mode: Partial<Statement> = name === undefined ? { queryMode: 'extended' } : { name }
  return { text: query.sql, values: [...query.parameters], ...mode }
}

// Bounded: a query whose text varies with its input must not fill the server's memory with plans.
function statementName(sql: string): string | undefined {
  const known = namesBySql.get(sql)
  if (known !== undefined || namesBySql.size >= MAX_NAMED_STATEMENTS) return known
  const name = `t_${createHash('sha256').update(sql).digest('base64url').slice(0, 22)}`
  namesBySql.set(sql, name)
  return name
}

async function rejectTransaction(): Promise<never> {
  throw new Error('a database scope opens the transaction itself: do all of the work in one scope')
}

function rejectDriver(): never {
  throw new Error('a bound kysely has no driver: its database scope runs every query')
}
