import type { Kysely } from 'kysely'
import type pg from 'pg'
import { Deadline } from '../lib/deadline.ts'
import { newId } from '../lib/ids.ts'
import type { MaybePromise } from '../lib/maybe_promise.ts'
import { boundKysely, type Statement, tenantDialect } from './kysely.ts'
import { ReadTransaction } from './read_transaction.ts'
import type { ReadReplica } from './replica/read_replica.ts'
import { retryDeadlocks } from './retry_deadlocks.ts'
import type { KernelTables } from './tables.ts'
import { TenantTables } from './tenant_filter/tenant_tables.ts'
import { type Finishable, runStatement, type Transaction, WriteTransaction } from './transaction.ts'

/**
 * The pools behind the scopes. A server has no `platform` pool: it serves tenants only. A process that runs
 * no jobs has no `jobs` pool.
 */
export interface ScopePools {
  app: pg.Pool
  identity: pg.Pool
  jobs?: pg.Pool
  platform?: pg.Pool
}

/**
 * How long work waits for the database: as long as its request has left, or, for work that belongs to
 * no request (`background`), as long as the pool allows for each wait.
 */
export type WaitLimit = Deadline | 'background'

/** One tenant's rows, and how long the caller waits for them. The context of a request is one. */
export interface TenantScope {
  readonly tenant: { readonly id: string }
  readonly deadline: WaitLimit
}

/** The scope of the identity role. With a tenant the statements share one transaction. */
export interface IdentityScope {
  readonly tenant?: { readonly id: string }
  readonly deadline: WaitLimit
}

type KernelTransaction = Pick<Transaction<KernelTables>, 'db'>

/** The transaction of one write: its queries, and the statement that is sent with COMMIT. */
export type RequestTransaction = Pick<
  WriteTransaction<KernelTables>,
  'db' | 'sendWithCommit' | 'onCommit'
>

/**
 * The only ways to the data, each under one database role. All but `read` open one transaction. Where
 * PostgreSQL aborts it as a deadlock's victim, `inTenant`, `write` and `asIdentity` run their work
 * again from its start: it must touch nothing but `db` and what it creates itself.
 */
export interface Database {
  /** Work on one tenant's rows: the database shows no others. */
  inTenant<T, Tables = KernelTables>(
    scope: TenantScope,
    work: (db: Kysely<Tables>) => Promise<T>,
  ): Promise<T>
  /** The same with a statement that is sent together with COMMIT. */
  write<T>(scope: TenantScope, work: (transaction: RequestTransaction) => Promise<T>): Promise<T>
  /**
   * Read-only work on one tenant's rows: PostgreSQL rejects a write. Each query is a transaction of its
   * own. Work that sends no query and waits for nothing returns its value, not a promise.
   */
  read<T>(
    scope: TenantScope,
    work: (transaction: KernelTransaction) => MaybePromise<T>,
  ): MaybePromise<T>
  /**
   * As `read`, and queries that name tables of the data plane only may go to a replica (DB_READ_URL). Its
   * answer has what this tenant wrote through this process; what others wrote may be missing for a moment.
   */
  readReplica<T>(
    scope: TenantScope,
    work: (transaction: KernelTransaction) => MaybePromise<T>,
  ): MaybePromise<T>
  /**
   * Work that comes before membership is proven: resolving hosts, checking credentials. Without a
   * tenant each statement is a transaction of its own.
   */
  asIdentity<T>(scope: IdentityScope, work: (db: Kysely<KernelTables>) => Promise<T>): Promise<T>
}

/** What a worker has: its own scope reaches the queue of all tenants, and no other data. */
export interface WorkerDatabase extends Database {
  /** Work on the queue. Each statement is a transaction of its own, and not repeated. */
  asWorker<T>(work: (db: Kysely<KernelTables>) => Promise<T>): Promise<T>
}

/** What the command line has. A server gets a `Database`, whose type has no `acrossTenants`. */
export interface PlatformDatabase extends WorkerDatabase {
  /** Platform admins' work across tenants. Each use is logged with its reason before it begins. */
  acrossTenants<T>(reason: string, work: (db: Kysely<KernelTables>) => Promise<T>): Promise<T>
}

/** The scope of work on a tenant's rows that belongs to no request. */
export function backgroundScope(tenantId: string): TenantScope {
  return { tenant: { id: tenantId }, deadline: 'background' }
}

// Work across all tenants may take an hour; no request waits for it.
const PLATFORM_MAX_MS = 3_600_000
const DEFAULT_WAIT_MS = 5_000

/**
 * Opens the scopes over the given pools. `named` switches prepared statement names on. The queries of a
 * tenant's scope name the tenant for each of `tables`.
 */
export function createDatabase(
  pools: ScopePools,
  named: boolean,
  tables = new TenantTables(),
  replica?: ReadReplica,
): PlatformDatabase {
  return { ...requestScopes(pools, named, tables, replica), asWorker, acrossTenants }

  async function asWorker<T>(work: (db: Kysely<KernelTables>) => Promise<T>): Promise<T> {
    const { jobs: pool } = pools
    if (pool === undefined) throw new Error('this process has no pool of the jobs role')
    const run = (statement: Statement) =>
      runStatement(pool, statement, deadlineOf(pool, 'background'))
    return work(boundKysely(run, { named }))
  }

  async function acrossTenants<T>(
    reason: string,
    work: (db: Kysely<KernelTables>) => Promise<T>,
  ): Promise<T> {
    const { platform: pool } = pools
    if (pool === undefined) throw new Error('this process has no pool of the platform role')
    // First and separately: work that reads everything and then fails must stay logged.
    await runStatement(pool, logReason(reason), deadlineOf(pool, 'background'))
    // Not retried after a deadlock: it may print as it goes, and a platform admin can run it again.
    const deadline = deadlineOf(pool, 'background')
    const settings = { pool, format: { named }, deadline, maxMs: PLATFORM_MAX_MS }
    return runIn(new WriteTransaction<KernelTables>(settings), ({ db }) => work(db))
  }
}

// Deadlocks are retried here and nowhere else: only the scope knows that all of the work was rolled
// back. Effects outside of the database are not rolled back.
function requestScopes(
  { app, identity }: ScopePools,
  named: boolean,
  tables: TenantTables,
  replica: ReadReplica | undefined,
): Database {
  const dialect = tenantDialect(tables)
  const settings = (pool: pg.Pool, { tenant, deadline }: TenantScope) => ({
    pool,
    format: { named, tenant: { id: tenant.id, dialect } },
    deadline: deadlineOf(pool, deadline),
    setup: setTenant(tenant.id, named),
  })
  const inTransaction = <T, Tables>(
    pool: pg.Pool,
    scope: TenantScope,
    work: (transaction: WriteTransaction<Tables>) => Promise<T>,
  ) => {
    const done = retryDeadlocks(() =>
      runIn(new WriteTransaction<Tables>(settings(pool, scope)), work),
    )
    // Whether it failed or not: a COMMIT without a reply may have taken effect.
    return replica === undefined ? done : done.finally(() => replica.noteWrite(scope.tenant.id))
  }
  return {
    inTenant: <T, Tables>(scope: TenantScope, work: (db: Kysely<Tables>) => Promise<T>) =>
      inTransaction<T, Tables>(app, scope, ({ db }) => work(db)),
    write: (scope, work) => inTransaction(app, scope, work),
    read: (scope, work) => runIn(new ReadTransaction<KernelTables>(settings(app, scope)), work),
    readReplica: (scope, work) =>
      runIn(new ReadTransaction<KernelTables>({ ...settings(app, scope), replica }), work),
    async asIdentity<T>(
      { tenant, deadline }: IdentityScope,
      work: (db: Kysely<KernelTables>) => Promise<T>,
    ) {
      if (tenant !== undefined) {
        const scope = { tenant, deadline }
        return inTransaction<T, KernelTables>(identity, scope, ({ db }) => work(db))
      }
      const run = (statement: Statement) =>
        retryDeadlocks(() => runStatement(identity, statement, deadlineOf(identity, deadline)))
      return work(boundKysely(run, { named }))
    },
  }
}

function deadlineOf({ options }: pg.Pool, limit: WaitLimit): Deadline {
  if (limit !== 'background') return limit
  return new Deadline(options.connectionTimeoutMillis ?? DEFAULT_WAIT_MS)
}

function runIn<T, Tx extends Finishable>(
  transaction: Tx,
  work: (transaction: Tx) => Promise<T>,
): Promise<T>
function runIn<T, Tx extends Finishable>(
  transaction: Tx,
  work: (transaction: Tx) => MaybePromise<T>,
): MaybePromise<T>
function runIn<T, Tx extends Finishable>(
  transaction: Tx,
  work: (transaction: Tx) => MaybePromise<T>,
): MaybePromise<T> {
  let result: MaybePromise<T>
  try {
    result = work(transaction)
  } catch (error) {
    // Work that throws synchronously may have sent a query before.
    if (transaction.closeIfUnused()) throw error
    result = Promise.reject(error)
  }
  const isDone = !(result instanceof Promise) && transaction.closeIfUnused()
  return isDone ? result : finish(transaction, result)
}

async function finish<T>(transaction: Finishable, running: MaybePromise<T>): Promise<T> {
  let result: T
  try {
    result = await running
  } catch (error) {
    await transaction.finish('rollback', error)
    throw error
  }
  await transaction.finish('commit')
  return result
}

function setTenant(tenantId: string, named: boolean): Statement {
  const text = 'select tenantry.set_tenant($1)'
  const values = [tenantId]
  return named ? { text, values, name: 'set_tenant' } : { text, values }
}

function logReason(reason: string): Statement {
  return {
    text: 'insert into tenantry.platform_logs (id, reason) values ($1, $2)',
    values: [newId(), reason],
  }
}
