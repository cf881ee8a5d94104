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
import { TENANT } from './tenant_filter/filter_query.ts'
import { isDataRead, TenantCompiler } from './tenant_filter/tenant_compiler.ts'
import type { TenantTables } from './tenant_filter/tenant_tables.ts'

/** Runs one compiled statement. The only thing kysely gets from a database scope. */
export type RunStatement = (statement: Statement) => Promise<pg.QueryResult>

/** A statement as node-postgres takes it. */
export interface Statement {
  text: string
  values?: unknown[]
  /** Prepares the statement under this name, so that the server keeps its plan. */
  name?: string | undefined
  /** The extended protocol accepts only one statement in a text, even without values. */
  queryMode?: 'extended' | undefined
  /** In milliseconds; replaces the limit of the pool. */
  query_timeout?: number
  /** It reads tables of the data plane and nothing else. */
  dataOnly?: boolean
}

/** How the queries of a scope become statements. */
export interface StatementFormat {
  /** Prepare statements by name? */
  named: boolean
  /** The tenant that each query on a table of the data plane names. */
  tenant?: { readonly id: string; readonly dialect: ScopeDialect }
}

const MAX_NAMED_STATEMENTS = 500
const namesBySql = new Map<string, string>()

/**
 * A kysely bound to one transaction of a database scope. It owns no connection: each query goes to
 * `run`, which opens the transaction at the first one.
 */
export function boundKysely<Database>(
  run: RunStatement,
  format: StatementFormat,
): Kysely<Database> {
  const connection = boundConnection(run, format)
  const { dialect, config, compiler, adapter } = format.tenant?.dialect ?? plainDialect
  const executor = new DefaultQueryExecutor(compiler, adapter, {
    provideConnection: (consumer) => consumer(connection),
  })
  return new Kysely<Database>({ config, driver, dialect, executor })
}

/** The dialect of the scopes of tenants. */
export function tenantDialect(tables: TenantTables): ScopeDialect {
  return dialectOf(new TenantCompiler(tables))
}

/** What all requests share: a request that sends no query should pay next to nothing. */
export type ScopeDialect = ReturnType<typeof dialectOf>

const plainDialect = dialectOf(new PostgresQueryCompiler())

function dialectOf(compiler: PostgresQueryCompiler) {
  const adapter = new PostgresAdapter()
  const dialect = {
    createAdapter: () => adapter,
    createDriver: rejectDriver,
    createIntrospector: (db: Kysely<unknown>) => new PostgresIntrospector(db),
    createQueryCompiler: () => compiler,
  }
  return { dialect, config: { dialect }, compiler, adapter }
}

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

function boundConnection(run: RunStatement, format: StatementFormat): DatabaseConnection {
  return {
    async executeQuery<Row>(query: CompiledQuery): Promise<QueryResult<Row>> {
      const result = await run(statementOf(query, format))
      return { rows: result.rows, numAffectedRows: BigInt(result.rowCount ?? 0) }
    },
    // biome-ignore lint/correctness/useYield: kysely's interface requires a generator; a pipelining client rejects cursors.
    async *streamQuery() {
      throw new Error('a tenant transaction has no cursors: read page by page')
    },
  }
}

/** A compiled query as node-postgres takes it. With `named` the server keeps its plan. */
export function statementOf(query: CompiledQuery, { named, tenant }: StatementFormat): Statement {
  const name = named ? statementName(query.sql) : undefined
  return {
    text: query.sql,
    values: query.parameters.map((it) => (it === TENANT ? idOf(tenant) : it)),
    name,
    queryMode: name === undefined ? 'extended' : undefined,
    dataOnly: isDataRead(query),
  }
}

function idOf(tenant: StatementFormat['tenant']): string {
  if (tenant !== undefined) return tenant.id
  throw new Error('a query that was compiled in a tenant scope was sent outside of one')
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
