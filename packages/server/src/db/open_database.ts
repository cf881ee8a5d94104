import type pg from 'pg'
import type { CommandConfig } from '../config/config.ts'
import { createPool } from './pool.ts'
import { roles, type ServingRole } from './provisioning/roles.ts'
import { createDatabase, type PlatformDatabase } from './tenancy.ts'

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
  pools: { app: pg.Pool; identity: pg.Pool; platform?: pg.Pool }
  stats(): PoolStats[]
  close(): Promise<void>
}

/** Opens the pools of the settings and the scopes over them. acrossTenants needs DB_PLATFORM_URL. */
export function openDatabase(config: CommandConfig, onError: (error: Error) => void): OpenDatabase {
  const pool = (url: string, max: number, role: ServingRole) =>
    createPool({
      url,
      max,
      name: `tenantry ${role}`,
      limits: roles[role].limits,
      waitMs: config.REQUEST_WAIT_MS,
      queryTimeoutMs: config.DB_QUERY_TIMEOUT_MS,
      pipeline: config.DB_PIPELINE === 'on',
      onError,
    })
  const { DB_URL, DB_IDENTITY_URL, DB_PLATFORM_URL } = config
  if (DB_URL === undefined || DB_IDENTITY_URL === undefined) {
    throw new Error('openDatabase needs DB_URL and DB_IDENTITY_URL')
  }
  const pools = {
    app: pool(DB_URL, config.DB_POOL_MAX, 'app'),
    identity: pool(DB_IDENTITY_URL, config.DB_IDENTITY_POOL_MAX, 'identity'),
    ...(DB_PLATFORM_URL === undefined ? {} : { platform: pool(DB_PLATFORM_URL, 2, 'platform') }),
  }
  return {
    database: createDatabase(pools, config.DB_PREPARED === 'on'),
    pools,
    stats: () => Object.entries(pools).map(([role, it]) => statsOf(role, it)),
    async close() {
      await Promise.all(Object.values(pools).map((it) => it.end()))
    },
  }
}

function statsOf(role: string, pool: pg.Pool): PoolStats {
  const { totalCount, idleCount: idle, waitingCount: waiting } = pool
  return { role, max: pool.options.max, inUse: totalCount - idle, idle, waiting }
}
