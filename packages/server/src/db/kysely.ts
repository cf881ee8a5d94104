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

/** Runs one compiled statement and gives its result; what a door offers to kysely. */
export type RunStatement = (statement: Statement) => Promise<pg.QueryResult>

/** A statement as node-postgres takes it. */
export interface Statement {
  text: string
  values?: unknown[]
  /** Makes the server keep its plan. */
  name?: string
  /** The extended protocol takes one statement at a time, with or without values. */
  queryMode?: 'extended'
  /** In milliseconds, in place of the pool's. */
  query_timeout?: number
}

const MAX_NAMED_STATEMENTS = 500
const namesBySql = new Map<string, string>()

/**
 * A kysely bound to one transaction of one door. It owns no connection: each query goes to `run`,
 * which opens the transaction when the first one comes.
 */
export function boundKysely<Database>(run: RunStatement, named: boolean): Kysely<Database> {
  const connection = boundConnection(run, named)
  const executor = new DefaultQueryExecutor(compiler, adapter, {
    provideConnection: (consumer) => consumer(connection),
  })
  return new Kysely<Database>({ config, driver, dialect, executor })
}

// One of each serves all: a request that asks no query should not pay for being able to.
const compiler = new PostgresQueryCompiler()
const adapter = new PostgresAdapter()

const dialect = {
  createAdapter: () => adapter,
  createDriver: refuseDriver,
  createIntrospector: (db: Kysely<unknown>) => new PostgresIntrospector(db),
  createQueryCompiler: () => compiler,
}

const config = { dialect }

// Never asked for a connection: each executor provides its own.
const driver = {
  init: async () => {},
  acquireConnection: refuseDriver,
  beginTransaction: refuseTransaction,
  commitTransaction: refuseTransaction,
  rollbackTransaction: refuseTransaction,
  releaseConnection: async () => {},
  destroy: async () => {},
}

function boundConnection(run: RunStatement, named: boolean): DatabaseConnection {
  return {
    async executeQuery<Row>(query: CompiledQuery): Promise<QueryResult<Row>> {
      const result = await run(statementOf(query, named))
      return { rows: result.rows, numAffectedRows: BigInt(result.rowCount ?? 0) }
    },
    // biome-ignore lint/correctness/useYield: kysely's interface wants a generator; a cursor would be refused on a pipelining client.
    async *streamQuery() {
      throw new Error('a tenant transaction has no cursors: read page by page instead')
    },
  }
}

/** A query of kysely as node-postgres takes it. `named` makes the server keep its plan. */
export function statementOf(query: CompiledQuery, named: boolean): Statement {
  const name = named ? statementName(query.sql) : undefined
  const mode: Partial<Statement> = name === undefined ? { queryMode: 'extended' } : { name }
  return { text: query.sql, values: [...query.parameters], ...mode }
}

// Bounded: a query whose text varies with its input must not fill the server with plans.
function statementName(sql: string): string | undefined {
  const known = namesBySql.get(sql)
  if (known !== undefined || namesBySql.size >= MAX_NAMED_STATEMENTS) return known
  const name = `t_${createHash('sha256').update(sql).digest('base64url').slice(0, 22)}`
  namesBySql.set(sql, name)
  return name
}

async function refuseTransaction(): Promise<never> {
  throw new Error('a door already holds the transaction: do all of the work in it')
}

function refuseDriver(): never {
  throw new Error('a bound kysely owns no connections')
}
