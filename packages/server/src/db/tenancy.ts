import type { CompiledQuery, Kysely } from 'kysely'
import type pg from 'pg'
import { Deadline } from '../lib/deadline.ts'
import { newId } from '../lib/ids.ts'
import type { MaybePromise } from '../lib/maybe_promise.ts'
import { boundKysely, type Statement } from './kysely.ts'
import { ReadTransaction } from './read_transaction.ts'
import { retryDeadlocks } from './retry_deadlocks.ts'
import type { KernelTables } from './tables.ts'
import { type Finishable, runStatement, type Transaction, WriteTransaction } from './transaction.ts'

/** The pools behind the doors. `platform` is absent in a server: it serves tenants only. */
export interface ScopePools {
  app: pg.Pool
  identity: pg.Pool
  platform?: pg.Pool
}

/** The way to the data of one request that may change it. */
export interface RequestTransaction extends Pick<Transaction<KernelTables>, 'db'> {
  /** Takes a statement that is sent together with COMMIT: nobody needs its answer before. */
  sendWithCommit(query: CompiledQuery): void
}

/**
 * The only ways to the data, each under one database role. All but a read open one transaction. Where
 * that is lost to another one (a deadlock), `inTenant`, `writeInTenant` and `asIdentity` run their work
 * again from its start: it must touch nothing but `db` and what it makes itself.
 */
export interface Database {
  /** Work on one tenant's rows: the database shows no others. */
  inTenant<T, Database = KernelTables>(
    tenantId: string,
    work: (db: Kysely<Database>) => Promise<T>,
  ): Promise<T>
  /** The same for one request, whose waits are taken off its patience, and which may change rows. */
  writeInTenant<T>(
    tenantId: string,
    deadline: Deadline,
    work: (unit: RequestTransaction) => Promise<T>,
  ): Promise<T>
  /**
   * The same for one that only reads: the database refuses a write. Each of its queries is a
   * transaction of its own. Where it asks nothing and waits for nothing, it is done at once.
   */
  readInTenant<T>(
    tenantId: string,
    deadline: Deadline,
    work: (unit: Pick<Transaction<KernelTables>, 'db'>) => MaybePromise<T>,
  ): MaybePromise<T>
  /**
   * Work that comes before membership is proven: resolving hosts, credentials. Without a tenant
   * each statement stands alone; with one they share a transaction.
   */
  asIdentity<T>(work: (db: Kysely<KernelTables>) => Promise<T>, tenantId?: string): Promise<T>
  /** The same doors for one request, whose waits are taken off its patience. */
  within(deadline: Deadline): Database
}

/** The doors of the command line: what serves requests is given `Doors` and knows no more. */
export interface PlatformDatabase extends Database {
  /** Operators' work across tenants. Each use is logged with its reason before it begins. */
  acrossTenants<T>(reason: string, work: (db: Kysely<KernelTables>) => Promise<T>): Promise<T>
}

// An operator's work over all tenants may take its time; no request waits for it.
const OPERATORS_MAX_MS = 3_600_000
const DEFAULT_WAIT_MS = 5_000

/** Opens the doors over the given pools. `named` switches prepared statement names. */
export function createDatabase(pools: ScopePools, named: boolean): PlatformDatabase {
  return {
    ...requestDoors(pools, named, patienceOf),
    async acrossTenants<T>(reason: string, work: (db: Kysely<KernelTables>) => Promise<T>) {
      const { platform: pool } = pools
      if (pool === undefined) throw new Error('this process has no platform door')
      // Before the work and on its own: who read everything and then failed has read everything.
      await runStatement(pool, logReason(reason), patienceOf(pool))
      // Once: it may take an hour and say things on its way, and an operator can start it again.
      const deadline = patienceOf(pool)
      const opening = { pool, named, deadline, maxMs: OPERATORS_MAX_MS }
      return through(new WriteTransaction<KernelTables>(opening), ({ db }) => work(db))
    },
  }
}

// Retried here and nowhere else: only the door knows that all of the work was taken back, and every
// unit of work passes through one. What is effect outside of the database is not in it.
function requestDoors(
  pools: ScopePools,
  named: boolean,
  patienceFor: (pool: pg.Pool) => Deadline,
): Database {
  const { app, identity } = pools
  const alone = (statement: Statement) =>
    retryDeadlocks(() => runStatement(identity, statement, patienceFor(identity)))
  const transaction = <Database>(pool: pg.Pool, tenantId: string, deadline = patienceFor(pool)) =>
    new WriteTransaction<Database>({ pool, named, deadline, setup: setTenant(tenantId, named) })
  const reading = (tenantId: string, deadline: Deadline) =>
    new ReadTransaction<KernelTables>({
      pool: app,
      named,
      deadline,
      setup: setTenant(tenantId, named),
    })
  return {
    async inTenant<T, Database>(tenantId: string, work: (db: Kysely<Database>) => Promise<T>) {
      return retryDeadlocks(() =>
        through(transaction<Database>(app, tenantId), ({ db }) => work(db)),
      )
    },
    async writeInTenant(tenantId, deadline, work) {
      return retryDeadlocks(() => through(transaction<KernelTables>(app, tenantId, deadline), work))
    },
    readInTenant: (tenantId, deadline, work) => through(reading(tenantId, deadline), work),
    async asIdentity<T>(work: (db: Kysely<KernelTables>) => Promise<T>, tenantId?: string) {
      if (tenantId === undefined) return work(boundKysely(alone, named))
      return retryDeadlocks(() =>
        through(transaction<KernelTables>(identity, tenantId), ({ db }) => work(db)),
      )
    },
    within: (shared) => requestDoors(pools, named, () => shared),
  }
}

// Of work that belongs to no request: each unit of it waits as long as its pool says.
function patienceOf({ options }: pg.Pool): Deadline {
  return new Deadline(options.connectionTimeoutMillis ?? DEFAULT_WAIT_MS)
}

function through<T, Unit extends Finishable>(
  unit: Unit,
  work: (unit: Unit) => Promise<T>,
): Promise<T>
function through<T, Unit extends Finishable>(
  unit: Unit,
  work: (unit: Unit) => MaybePromise<T>,
): MaybePromise<T>
function through<T, Unit extends Finishable>(
  unit: Unit,
  work: (unit: Unit) => MaybePromise<T>,
): MaybePromise<T> {
  let result: MaybePromise<T>
  try {
    result = work(unit)
  } catch (error) {
    // Work that throws before it waits may have sent a query all the same.
    if (unit.closeIfUnused()) throw error
    result = Promise.reject(error)
  }
  const isDone = !(result instanceof Promise) && unit.closeIfUnused()
  return isDone ? result : finish(unit, result)
}

async function finish<T>(unit: Finishable, running: MaybePromise<T>): Promise<T> {
  let result: T
  try {
    result = await running
  } catch (error) {
    await unit.finish('rollback')
    throw error
  }
  await unit.finish('commit')
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
