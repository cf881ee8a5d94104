import { setTimeout as sleep } from 'node:timers/promises'
import type { TemporaryDatabase } from '../../packages/server/src/db/provisioning/temporary_database.ts'
import { send } from '../../packages/server/src/testing/http_client.ts'
import { freePort } from '../../packages/server/test/fixtures/free_port.ts'
import { type Child, startChild } from './child.ts'
import type { InstalledApp } from './installed_app.ts'

export interface AppServerOptions {
  app: InstalledApp
  database: TemporaryDatabase
  secret: string
  settings: Record<string, string>
}

export interface AppServer extends Child {
  /** The time from its start until /health/ready first answers 200, in milliseconds. */
  readonly readyAfterMs: number
}

const READY_TIMEOUT_MS = 60_000

/** Starts `tenantry start` as in production, and waits until it is ready and its listener is live. */
export async function startAppServer(options: AppServerOptions): Promise<AppServer> {
  // Not port 0: the log, which names the port, is discarded.
  const port = await freePort()
  const startedAt = performance.now()
  const child = startChild({
    args: ['node_modules/tenantry/bin/tenantry.js', 'start'],
    cwd: options.app.folder,
    env: { ...environment(options), PORT: String(port) },
  })
  child.port = port
  const ready = await untilReady(child, startedAt)
  return Object.assign(child, { readyAfterMs: ready })
}

// Limits are on, because counting is part of the work, but high enough for a load generator.
function environment({ database, secret, settings }: AppServerOptions): Record<string, string> {
  const { app: DB_URL, identity: DB_IDENTITY_URL, jobs: DB_JOBS_URL } = database.urls
  return {
    DB_URL,
    DB_IDENTITY_URL,
    DB_JOBS_URL,
    SECRET_KEY: secret,
    BASE_DOMAINS: 'app.test',
    PUBLIC_ORIGIN: 'https://{tenant}.app.test',
    HOST: '127.0.0.1',
    LOG_LEVEL: 'info',
    // Any port: requests are counted as in production, and the metrics are never read.
    METRICS_PORT: '0',
    TENANT_RATE: '1000000',
    PUBLIC_RATE: '1000000',
    // On a shared machine a late event loop must not cause a 503.
    EVENT_LOOP_DELAY_MAX_MS: '60000',
    REQUEST_WAIT_MS: '20000',
    ...settings,
  }
}

async function untilReady({ port }: Child, startedAt: number): Promise<number> {
  let readyAfterMs: number | undefined
  while (performance.now() - startedAt < READY_TIMEOUT_MS) {
    const reply = await send(port, { path: '/health/ready' }).catch(() => undefined)
    if (reply?.status === 200) readyAfterMs ??= performance.now() - startedAt
    if (readyAfterMs !== undefined && reply?.json.invalidation === 'live') return readyAfterMs
    await sleep(5)
  }
  throw new Error('the server did not become ready')
}
