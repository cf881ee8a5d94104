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
import type { ChosenDatabase } from '../db/provisioning/choose_database.ts'
import { roleSettings } from '../db/provisioning/role_settings.ts'
import { withTimeout } from '../lib/deadline.ts'
import { OperatorError } from '../lib/operator_error.ts'
import { createAppParts, type OpenParts } from './app_parts.ts'
import { banner } from './banner.ts'
import { createApp, type RunningApp } from './create_app.ts'
import type { Lifecycle } from './lifecycle.ts'
import { listenFault } from './listen_port.ts'
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
  /** Called with the server's URL when it listens. */
  onListening(url: string): void
}

const CLOSE_TIMEOUT_MS = 2_000
const CLOSE_IDLE_INTERVAL_MS = 50

/** Starts the server, and registers its shutdown with `life`. */
export async function serve(life: Lifecycle, serving: Serving): Promise<void> {
  const { app, config, database: chosen, log } = serving
  const secret = await secretKey(config, log)
  const parts = createServerParts(serving)
  life.atEnd(async () => {
    await withTimeout(parts.opened.close(), CLOSE_TIMEOUT_MS)
  })
  // Roles before the schema: a wrong role may not see the schema, and the error would ask for a migration.
  const { pools } = parts.opened
  const dsns = [...dsnsOfPools(chosen.urls, pools), ...dsnOfListener(config.DB_LISTEN_URL)]
  const logins = await assertServingRoles(dsns)
  await bringUpToDate(chosen, app, config.production)
  await checkSchema(serving, parts, logins)
  if (!config.production) await seedIfEmpty(config, chosen, app, parts)
  life.assertOngoing()
  await startTraces(life, serving)
  startListener(life, parts)
  const running = await createApp({ app, config, secret, log, parts })
  await startMetrics(life, running, serving)
  life.atEnd(() => finish(running, life.forced, serving))
  await listen(running, config)
  reportListening(serving)
}

// A development server says what production will refuse, and goes on.
async function checkSchema(
  { app, config, log }: Serving,
  { opened }: OpenParts,
  logins: string[],
): Promise<void> {
  const { app: pool } = opened.pools
  const faults = await schemaFaults(pool, app, logins)
  if (config.production && faults.length > 0) throw new OperatorError(faults.join('\n'))
  const findings = await lint(pool, [serverFloor, roleSettings])
  for (const line of [...faults, ...findings.map(findingText)]) log.warn(line)
}

// Without the platform role's DSN: no request can reach a pool that the server does not have.
function createServerParts({ config, database, log }: Serving): OpenParts {
  const { app: DB_URL, identity: DB_IDENTITY_URL } = database.urls
  const served = { ...config, DB_URL, DB_IDENTITY_URL, DB_PLATFORM_URL: undefined }
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

function reportListening({ app, config, database, log, startedAt, onListening }: Serving): void {
  const { HOST, PORT } = config
  const url = `http://${HOST.includes(':') ? `[${HOST}]` : HOST}:${PORT}`
  onListening(url)
  const ms = Math.round(performance.now() - startedAt)
  if (config.production) log.info({ url, ms }, 'listening')
  else process.stdout.write(banner({ app, config, url, place: database.place, ms }))
}

async function finish(
  running: RunningApp,
  forced: Promise<void>,
  { config, log }: Serving,
): Promise<void> {
  log.info('shutting down: finishing requests in flight')
  running.drain()
  await withTimeout(forced, config.SHUTDOWN_DELAY_SECONDS * 1000)
  const http = running.server.server
  const closed = running.close()
  // A connection with a request in flight becomes idle only later, and would be kept alive.
  const closing = setInterval(() => http.closeIdleConnections(), CLOSE_IDLE_INTERVAL_MS)
  const seconds = config.SHUTDOWN_SECONDS
  if (await withTimeout(Promise.race([closed, forced]), seconds * 1000)) {
    log.warn(`requests were still in flight after ${seconds} s (SHUTDOWN_SECONDS)`)
  }
  clearInterval(closing)
  http.closeAllConnections()
  await withTimeout(closed, CLOSE_TIMEOUT_MS)
}
