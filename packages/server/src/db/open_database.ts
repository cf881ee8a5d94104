import type pg from 'pg'
import type { CommandConfig } from '../config/config.ts'
import { createPool } from './pool.ts'
import { roles, type ServingRole } from './provisioning/roles.ts'
import { ReadReplica } from './replica/read_replica.ts'
import { createDatabase, type PlatformDatabase, type WorkerDatabase } from './tenancy.ts'
import { TenantTables } from './tenant_filter/tenant_tables.ts'

/** The connections of one pool, for metrics. */
export interface PoolStats {
  role: string
  max: number
  inUse: number
  idle: number
  /** Callers waiting for a connection. */
  waiting: number
}

/** The database scopes over their own pools. Close it when done. */
export interface OpenDatabase {
  database: PlatformDatabase
  /** The scopes of a worker, whose pools no request uses. Undefined without DB_JOBS_URL. */
  worker?: WorkerDatabase
  pools: { app: pg.Pool; identity: pg.Pool; jobs?: pg.Pool; platform?: pg.Pool }
  /** The replica of DB_READ_URL. Its owner starts it; until then no read goes to it. */
  replica?: ReadReplica
  stats(): PoolStats[]
  /**
   * Reads which tables belong to the data plane. Until then queries on an app's tables do not name the
   * tenant, which costs nothing on one PostgreSQL; so a table that a migration adds later is named after
   * the next start.
   */
  loadTenantTables(): Promise<void>
  close(): Promise<void>
}

type Open = (
  url: string,
  max: number,
  role: ServingRole,
  waitMs?: number,
  queryTimeoutMs?: number,
) => pg.Pool

/** What connects a replica with the rest of a server. A command has none, and reads from the primary. */
export type ReplicaHooks = Pick<
  ConstructorParameters<typeof ReadReplica>[0],
  'isInformed' | 'onChange'
>

// A job may wait for longer than a request: a client waits for the latter.
const WORKER_WAIT_MS = 5_000
const WORKER_IDENTITY_MAX = 2

/**
 * Opens the pools of the settings and the scopes over them. acrossTenants needs DB_PLATFORM_URL, and a worker
 * DB_JOBS_URL. A pool connects at its first use.
 */
export function openDatabase(
  config: CommandConfig,
  onError: (error: Error) => void,
  hooks?: ReplicaHooks,
): OpenDatabase {
  const open: Open = (
    url,
    max,
    role,
    waitMs = config.REQUEST_WAIT_MS,
    queryTimeoutMs = config.DB_QUERY_TIMEOUT_MS,
  ) =>
    createPool({
      url,
      max,
      name: `tenantry ${role}`,
      limits: roles[role].limits,
      waitMs,
      queryTimeoutMs,
      pipeline: config.DB_PIPELINE === 'on',
      onError,
    })
  const { DB_URL, DB_IDENTITY_URL, DB_PLATFORM_URL } = config
  if (DB_URL === undefined || DB_IDENTITY_URL === undefined) {
    throw new Error('openDatabase needs DB_URL and DB_IDENTITY_URL')
  }
  const worker = workerPools(config, open, DB_URL, DB_IDENTITY_URL)
  const pools = {
    app: open(DB_URL, config.DB_POOL_MAX, 'app'),
    identity: open(DB_IDENTITY_URL, config.DB_IDENTITY_POOL_MAX, 'identity'),
    ...(worker && { jobs: worker.jobs }),
    ...(DB_PLATFORM_URL === undefined ? {} : { platform: open(DB_PLATFORM_URL, 2, 'platform') }),
  }
  const replica = hooks && openReplica(config, open, DB_URL, hooks)
  const all = {
    ...pools,
    ...(worker && { worker: worker.app, worker_identity: worker.identity }),
    ...(replica && { replica: replica.pool }),
  }
  const named = config.DB_PREPARED === 'on'
  const tables = new TenantTables()
  return {
    database: createDatabase(pools, named, tables, replica),
    ...(worker && { worker: createDatabase(worker, named, tables, replica) }),
    ...(replica && { replica }),
    pools,
    stats: () => Object.entries(all).map(([role, it]) => statsOf(role, it)),
    loadTenantTables: () => tables.load(pools.app),
    async close() {
      const { replica: _, ...others } = all
      await Promise.all([replica?.stop(), ...Object.values(others).map((it) => it.end())])
    },
  }
}

function openReplica(
  { DB_READ_URL, READ_LAG_MS, DB_POOL_MAX }: CommandConfig,
  open: Open,
  primaryUrl: string,
  hooks: ReplicaHooks,
): ReadReplica | undefined {
  if (DB_READ_URL === undefined) return undefined
  // A connection that does not answer within this time is as good as none.
  const probe = (url: string) => open(url, 1, 'app', READ_LAG_MS, READ_LAG_MS)
  return new ReadReplica({
    pool: open(DB_READ_URL, DB_POOL_MAX, 'app'),
    probes: { primary: probe(primaryUrl), replica: probe(DB_READ_URL) },
    maxLagMs: READ_LAG_MS,
    ...hooks,
  })
}

function workerPools(config: CommandConfig, open: Open, appUrl: string, identityUrl: string) {
  const { DB_JOBS_URL, DB_JOBS_POOL_MAX, WORKER_CONCURRENCY } = config
  if (DB_JOBS_URL === undefined) return undefined
  const waitMs = Math.max(WORKER_WAIT_MS, config.REQUEST_WAIT_MS)
  return {
    app: open(appUrl, WORKER_CONCURRENCY, 'app', waitMs),
    identity: open(identityUrl, WORKER_IDENTITY_MAX, 'identity', waitMs),
    jobs: open(DB_JOBS_URL, DB_JOBS_POOL_MAX, 'jobs', waitMs),
  }
}

function statsOf(role: string, pool: pg.Pool): PoolStats {
  const { totalCount, idleCount: idle, waitingCount: waiting } = pool
  return { role, max: pool.options.max, inUse: totalCount - idle, idle, waiting }
}
