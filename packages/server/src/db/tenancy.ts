import type { Kysely } from 'kysely'
import type pg from 'pg'
import { Deadline } from '../lib/deadline.ts'
import { newId } from '../lib/ids.ts'
import type { MaybePromise } from '../lib/maybe_promise.ts'
import { boundKysely, type Statement } from './kysely.ts'
import { ReadTransaction } from './read_transaction.ts'
import { retryDeadlocks } from './retry_deadlocks.ts'
import type { KernelTables } from './tables.ts'
import { type Finishable, runStatement, type Transaction, WriteTransaction } from './transaction.ts'

/** The pools behind the scopes. A server has no `platform` pool: it serves tenants only. */
export interface ScopePools {
  app: pg.Pool
  identity: pg.Pool
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
export type RequestTransaction = Pick<WriteTransaction<KernelTables>, 'db' | 'sendWithCommit'>

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
   * Work that comes before membership is proven: resolving hosts, checking credentials. Without a
   * tenant each statement is a transaction of its own.
   */
  asIdentity<T>(scope: IdentityScope, work: (db: Kysely<KernelTables>) => Promise<T>): Promise<T>
}

/** What the command line has. A server gets a `Database`, whose type has no `acrossTenants`. */
export interface PlatformDatabase extends Database {
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

/** Opens the scopes over the given pools. `named` switches prepared statement names on. */
export function createDatabase(pools: ScopePools, named: boolean): PlatformDatabase {
  return { ...requestScopes(pools, named), acrossTenants }

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
    const settings = { pool, named, deadline, maxMs: PLATFORM_MAX_MS }
    return runIn(new WriteTransaction<KernelTables>(settings), ({ db }) => work(db))
  }
}

// Deadlocks are retried here and nowhere else: only the scope knows that all of the work was rolled
// back. Effects outside of the database are not rolled back.
function requestScopes({ app, identity }: ScopePools, named: boolean): Database {
  const settings = (pool: pg.Pool, { tenant, deadline }: TenantScope) => ({
    pool,
    named,
    deadline: deadlineOf(pool, deadline),
    setup: setTenant(tenant.id, named),
  })
  const inTransaction = <T, Tables>(
    pool: pg.Pool,
    scope: TenantScope,
    work: (transaction: WriteTransaction<Tables>) => Promise<T>,
  ) => retryDeadlocks(() => runIn(new WriteTransaction<Tables>(settings(pool, scope)), work))
  return {
    inTenant: <T, Tables>(scope: TenantScope, work: (db: Kysely<Tables>) => Promise<T>) =>
      inTransaction<T, Tables>(app, scope, ({ db }) => work(db)),
    write: (scope, work) => inTransaction(app, scope, work),
    read: (scope, work) => runIn(new ReadTransaction<KernelTables>(settings(app, scope)), work),
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
      return work(boundKysely(run, named))
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
