import type { Logger } from 'pino'
import type { App } from '../app/define_app.ts'
import type { Config } from '../config/config.ts'
import {
  assertServingRoles,
  dsnOfListener,
  dsnsOfPools,
  schemaFaults,
} from '../db/lint/boot_check.ts'
import { findingText, lint } from '../db/lint/lint.ts'
import { serverFloor } from '../db/lint/rules.ts'
import { liftedForce } from '../db/lint/table_rules.ts'
import type { ChosenDatabase } from '../db/provisioning/choose_database.ts'
import { roleSettings } from '../db/provisioning/role_settings.ts'
import { withTimeout } from '../lib/deadline.ts'
import { OperatorError } from '../lib/operator_error.ts'
import { createAppParts, type OpenParts } from './app_parts.ts'
import { type BannerFacts, banner, restartLine } from './banner.ts'
import { createApp, type RunningApp } from './create_app.ts'
import type { Lifecycle } from './lifecycle.ts'
import { listenFault } from './listeners/listen_port.ts'
import { startInternal } from './listeners/start_internal.ts'
import { secretKey } from './secret_key.ts'
import { seedIfEmpty } from './seed_if_empty.ts'
import { startMetrics, startTraces } from './start_telemetry.ts'
import { bringUpToDate } from './with_database.ts'

export interface Serving {
  app: App
  config: Config
  database: ChosenDatabase
  log: Logger
  startedAt: number
  /** Whether `tenantry dev` runs this server, and says itself what it does. */
  managed: boolean
  /** The file whose change caused this start: then one line replaces the banner. */
  after?: string | undefined
  /** Called with the server's URL when it listens. */
  onListening(url: string): void
}

const CLOSE_TIMEOUT_MS = 2_000
const CLOSE_IDLE_INTERVAL_MS = 50

/** Starts the server, and registers its shutdown with `life`. */
export async function serve(life: Lifecycle, serving: Serving): Promise<void> {
  const { config } = serving
  const { running, parts, outdated } = await startApp(life, serving, config.WORKER === 'on')
  life.atEnd(() => finish(running, life.forced, serving))
  running.worker?.start()
  parts.replica?.start()
  await startInternal(life, parts.database, serving)
  await listen(running, config)
  reportListening(serving, { missingPages: running.missingPages, outdated })
}

/** Runs background jobs without serving requests: `tenantry worker`. */
export async function work(life: Lifecycle, serving: Serving): Promise<void> {
  const { log, startedAt } = serving
  const { running } = await startApp(life, serving, true)
  if (running.worker === undefined) {
    throw new OperatorError('a worker needs DB_JOBS_URL, which `tenantry setup` prints')
  }
  life.atEnd(async () => {
    log.info('shutting down: finishing the jobs that run')
    await Promise.race([running.close(), life.forced])
  })
  running.worker.start()
  log.info({ ms: Math.round(performance.now() - startedAt) }, 'running background jobs')
}

interface Started {
  running: RunningApp
  parts: OpenParts
  /** The version of a PostgreSQL that production does not accept. */
  outdated: string | undefined
}

// Everything but listening: the database and its checks, the listener, the app, its metrics.
async function startApp(life: Lifecycle, serving: Serving, runsJobs: boolean): Promise<Started> {
  const { app, config, database: chosen, log } = serving
  const secret = await secretKey(config, log)
  const parts = createServerParts(serving, runsJobs)
  life.atEnd(async () => {
    await withTimeout(parts.opened.close(), CLOSE_TIMEOUT_MS)
  })
  // Roles before the schema: a wrong role may not see the schema, and the error would ask for a migration.
  const { pools } = parts.opened
  const dsns = [...dsnsOfPools(chosen.urls, pools), ...dsnOfListener(config.DB_LISTEN_URL)]
  const logins = await assertServingRoles(dsns)
  await bringUpToDate(chosen, app, config)
  const outdated = await checkSchema(serving, parts, logins)
  await parts.opened.loadTenantTables()
  if (!config.production) await seedIfEmpty(config, chosen, app, parts)
  life.assertOngoing()
  await startTraces(life, serving)
  startListener(life, parts)
  const running = await createApp({ app, config, secret, log, parts })
  await startMetrics(life, running, serving)
  return { running, parts, outdated }
}

// A development server says what production will refuse, and goes on.
async function checkSchema(
  { app, config, log, after }: Serving,
  { opened }: OpenParts,
  logins: string[],
): Promise<string | undefined> {
  const { app: pool } = opened.pools
  const { violations, exceptions } = await schemaFaults(pool, app, logins)
  if (config.production && violations.length > 0) throw new OperatorError(violations.join('\n'))
  // No change of a file can have changed these: `tenantry dev` says them once.
  const findings = after === undefined ? await lint(pool, [roleSettings, liftedForce]) : []
  const [old] = after === undefined ? await lint(pool, [serverFloor]) : []
  const server = old !== undefined && config.production ? [old] : []
  const lines = [...violations, ...exceptions, ...[...findings, ...server].map(findingText)]
  for (const line of lines) log.warn(line)
  return old?.subject
}

// Without the platform role's DSN: no request can reach a pool that the server does not have.
function createServerParts({ config, database, log }: Serving, runsJobs: boolean): OpenParts {
  const { app: DB_URL, identity: DB_IDENTITY_URL, jobs } = database.urls
  const DB_JOBS_URL = runsJobs ? jobs : undefined
  if (runsJobs && jobs === undefined) log.warn('DB_JOBS_URL is not set: no background jobs run')
  const served = { ...config, DB_URL, DB_IDENTITY_URL, DB_JOBS_URL, DB_PLATFORM_URL: undefined }
  return createAppParts(served, log, config.DB_LISTEN_URL ?? DB_URL)
}

// The server does not wait for the listener: while it is stale, every look-up asks the database.
function startListener(life: Lifecycle, { listener }: OpenParts): void {
  life.atEnd(async () => {
    await withTimeout(listener.stop(), CLOSE_TIMEOUT_MS)
  })
  listener.start()
}

async function listen({ server }: RunningApp, { PORT, HOST }: Config): Promise<void> {
  await server.listen({ port: PORT, host: HOST }).catch((error: unknown) => {
    throw listenFault(error, PORT, HOST)
  })
}

function reportListening(
  serving: Serving,
  notes: Pick<BannerFacts, 'missingPages' | 'outdated'>,
): void {
  const { app, config, database, log, startedAt, after, onListening } = serving
  const { HOST, PORT } = config
  const url = `http://${HOST.includes(':') ? `[${HOST}]` : HOST}:${PORT}`
  onListening(url)
  const ms = Math.round(performance.now() - startedAt)
  if (config.production) log.info({ url, ms }, 'listening')
  else if (after !== undefined) process.stdout.write(restartLine({ app, url, ms, after }))
  else process.stdout.write(banner({ app, config, url, place: database.place, ms, ...notes }))
}

async function finish(
  running: RunningApp,
  forced: Promise<void>,
  { config, log, managed }: Serving,
): Promise<void> {
  if (!managed) log.info('shutting down: finishing requests in flight')
  running.drain()
  await withTimeout(forced, config.SHUTDOWN_DELAY_SECONDS * 1000)
  const http = running.server.server
  const closed = running.close()
  // A connection with a request in flight becomes idle only later, and would be kept alive.
  const closing = setInterval(() => http.closeIdleConnections(), CLOSE_IDLE_INTERVAL_MS)
  const seconds = config.SHUTDOWN_SECONDS
  if (await withTimeout(Promise.race([closed, forced]), seconds * 1000)) {
    log.warn(`requests or jobs were still in flight after ${seconds} s (SHUTDOWN_SECONDS)`)
  }
  clearInterval(closing)
  http.closeAllConnections()
  await withTimeout(closed, CLOSE_TIMEOUT_MS)
}
