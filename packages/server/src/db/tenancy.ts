import type { Kysely } from 'kysely'
import type pg from 'pg'
import { newId } from '../ids.ts'
import { Patience } from '../patience.ts'
import { boundKysely, type Statement } from './dialect.ts'
import { retryLost } from './retry.ts'
import type { KernelTables } from './tables.ts'
import { LazyTransaction, runAlone } from './transaction.ts'

/** The pools behind the doors. `platform` is absent in a server: it serves tenants only. */
export interface DoorPools {
  app: pg.Pool
  identity: pg.Pool
  platform?: pg.Pool
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
    async acrossTenants(reason, work) {
      const { platform } = pools
      if (platform === undefined) throw new Error('this process has no platform door')
      // Before the work and on its own: who read everything and then failed has read everything.
      await runAlone(platform, logReason(reason), patienceOf(platform))
      // Once: it may take an hour and say things on its way, and an operator can start it again.
      const opening = new LazyTransaction(platform, [], patienceOf(platform), OPERATORS_MAX_MS)
      return transact(opening, work, named)
    },
  }
}

// Retried here and nowhere else: only the door knows that all of the work was taken back, and every
// unit of work passes through one. What is effect outside of the database is not in it.
function requestDoors(
  pools: DoorPools,
  named: boolean,
  patience: (pool: pg.Pool) => Patience,
): Doors {
  const forTenant = (pool: pg.Pool, tenantId: string) =>
    new LazyTransaction(pool, [setTenant(tenantId, named)], patience(pool))
  const alone = (statement: Statement) =>
    retryLost(() => runAlone(pools.identity, statement, patience(pools.identity)))
  return {
    inTenant: (tenantId, work) =>
      retryLost(() => transact(forTenant(pools.app, tenantId), work, named)),
    asIdentity: (work, tenantId) =>
      tenantId === undefined
        ? work(boundKysely(alone, named))
        : retryLost(() => transact(forTenant(pools.identity, tenantId), work, named)),
    within: (shared) => requestDoors(pools, named, () => shared),
  }
}

// Of work that belongs to no request: each unit of it waits as long as its pool says.
function patienceOf({ options }: pg.Pool): Patience {
  return new Patience(options.connectionTimeoutMillis ?? DEFAULT_WAIT_MS)
}

async function transact<T, Database>(
  transaction: LazyTransaction,
  work: (db: Kysely<Database>) => Promise<T>,
  named: boolean,
): Promise<T> {
  const db = boundKysely<Database>((statement) => transaction.run(statement), named)
  let result: T
  try {
    result = await work(db)
  } catch (error) {
    await transaction.finish('rollback')
    throw error
  }
  await transaction.finish('commit')
  return result
}

function setTenant(tenantId: string, named: boolean): Statement {
  const statement = { text: 'select tenantry.set_tenant($1)', values: [tenantId] }
  return named ? { ...statement, name: 'set_tenant' } : statement
}

function logReason(reason: string): Statement {
  return {
    text: 'insert into tenantry.platform_logs (id, reason) values ($1, $2)',
    values: [newId(), reason],
  }
}
