import type { Kysely } from 'kysely'
import type pg from 'pg'
import { newId } from '../ids.ts'
import type { MaybePromise } from '../maybe_promise.ts'
import { Patience } from '../patience.ts'
import { boundKysely, type Statement } from './dialect.ts'
import { retryLost } from './retry.ts'
import type { KernelTables } from './tables.ts'
import { LazyTransaction, type Opening, runAlone } from './transaction.ts'

/** The pools behind the doors. `platform` is absent in a server: it serves tenants only. */
export interface DoorPools {
  app: pg.Pool
  identity: pg.Pool
  platform?: pg.Pool
}

/** A transaction that begins with the first query, and costs next to nothing before. */
export interface OnDemand<Database> {
  readonly db: Kysely<Database>
}

/**
 * The only ways to the data. Each opens one transaction, under one database role. Where that is lost
 * to another one (a deadlock), `inTenant` and `asIdentity` run their work again from its start: it
 * must touch nothing but `db` and what it makes itself.
 */
export interface Doors {
  /** Work on one tenant's rows: the database shows no others. */
  inTenant<T, Database = KernelTables>(
    tenantId: string,
    work: (db: Kysely<Database>) => Promise<T>,
  ): Promise<T>
  /**
   * The same for one request's work that may ask nothing: then, unless it has to wait itself, it is
   * done at once.
   */
  inTenantOnDemand<T>(
    tenantId: string,
    patience: Patience,
    work: (transaction: OnDemand<KernelTables>) => MaybePromise<T>,
  ): MaybePromise<T>
  /**
   * Work that comes before membership is proven: resolving hosts, credentials. Without a tenant
   * each statement stands alone; with one they share a transaction.
   */
  asIdentity<T>(work: (db: Kysely<KernelTables>) => Promise<T>, tenantId?: string): Promise<T>
  /** The same doors for one request, whose waits are taken off its patience. */
  within(patience: Patience): Doors
}

/** The doors of the command line: what serves requests is given `Doors` and knows no more. */
export interface OperatorDoors extends Doors {
  /** Operators' work across tenants. Each use is logged with its reason before it begins. */
  acrossTenants<T>(reason: string, work: (db: Kysely<KernelTables>) => Promise<T>): Promise<T>
}

// An operator's work over all tenants may take its time; no request waits for it.
const OPERATORS_MAX_MS = 3_600_000
const DEFAULT_WAIT_MS = 5_000

/** Opens the doors over the given pools. `named` switches prepared statement names. */
export function createDoors(pools: DoorPools, named: boolean): OperatorDoors {
  return {
    ...requestDoors(pools, named, patienceOf),
    async acrossTenants<T>(reason: string, work: (db: Kysely<KernelTables>) => Promise<T>) {
      const { platform: pool } = pools
      if (pool === undefined) throw new Error('this process has no platform door')
      // Before the work and on its own: who read everything and then failed has read everything.
      await runAlone(pool, logReason(reason), patienceOf(pool))
      // Once: it may take an hour and say things on its way, and an operator can start it again.
      const opening = { pool, named, patience: patienceOf(pool), maxMs: OPERATORS_MAX_MS }
      return transact<T, KernelTables>(opening, ({ db }) => work(db))
    },
  }
}

// Retried here and nowhere else: only the door knows that all of the work was taken back, and every
// unit of work passes through one. What is effect outside of the database is not in it.
function requestDoors(
  pools: DoorPools,
  named: boolean,
  patienceFor: (pool: pg.Pool) => Patience,
): Doors {
  const { app, identity } = pools
  const alone = (statement: Statement) =>
    retryLost(() => runAlone(identity, statement, patienceFor(identity)))
  const openings = (pool: pg.Pool, tenantId: string) => () => ({
    pool,
    named,
    tenantId,
    patience: patienceFor(pool),
  })
  return {
    async inTenant<T, Database>(tenantId: string, work: (db: Kysely<Database>) => Promise<T>) {
      const opening = openings(app, tenantId)
      return retryLost(() => transact<T, Database>(opening(), ({ db }) => work(db)))
    },
    inTenantOnDemand: (tenantId, patience, work) =>
      retryLost(() => transact({ pool: app, named, tenantId, patience }, work)),
    async asIdentity<T>(work: (db: Kysely<KernelTables>) => Promise<T>, tenantId?: string) {
      if (tenantId === undefined) return work(boundKysely(alone, named))
      const opening = openings(identity, tenantId)
      return retryLost(() => transact<T, KernelTables>(opening(), ({ db }) => work(db)))
    },
    within: (shared) => requestDoors(pools, named, () => shared),
  }
}

// Of work that belongs to no request: each unit of it waits as long as its pool says.
function patienceOf({ options }: pg.Pool): Patience {
  return new Patience(options.connectionTimeoutMillis ?? DEFAULT_WAIT_MS)
}

function transact<T, Database>(
  opening: Opening,
  work: (transaction: OnDemand<Database>) => MaybePromise<T>,
): MaybePromise<T> {
  const transaction = new LazyTransaction<Database>(opening)
  let result: MaybePromise<T>
  try {
    result = work(transaction)
  } catch (error) {
    // Work that throws before it waits may have sent a query all the same.
    if (!transaction.isOpen) throw error
    result = Promise.reject(error)
  }
  const isDone = !(result instanceof Promise) && !transaction.isOpen
  return isDone ? result : finish(transaction, result)
}

async function finish<T, Database>(
  transaction: LazyTransaction<Database>,
  running: MaybePromise<T>,
): Promise<T> {
  let result: T
  try {
    result = await running
  } catch (error) {
    await transaction.finish('rollback')
    throw error
  }
  await transaction.finish('commit')
  return result
}

function logReason(reason: string): Statement {
  return {
    text: 'insert into tenantry.platform_logs (id, reason) values ($1, $2)',
    values: [newId(), reason],
  }
}
