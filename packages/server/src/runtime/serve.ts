import type { Logger } from 'pino'
import { createPasswords } from '../access/passwords.ts'
import type { App } from '../app/define_app.ts'
import type { Config } from '../config/config.ts'
import {
  assertServingRoles,
  assertTablesProtected,
  type RoleToCheck,
} from '../db/lint/boot_check.ts'
import { findingText, lint } from '../db/lint/lint.ts'
import { serverFloor } from '../db/lint/rules.ts'
import { type OpenDatabase, openDatabase } from '../db/open_database.ts'
import type { ChosenDatabase } from '../db/provisioning/choose_database.ts'
import { roleSettings } from '../db/provisioning/role_settings.ts'
import { createInvalidationListener, type InvalidationListener } from '../invalidation/listener.ts'
import { withTimeout } from '../lib/with_timeout.ts'
import { createMail } from '../mail/mail.ts'
import { banner } from './banner.ts'
import { createApp, type RunningApp } from './create_app.ts'
import type { Lifecycle } from './lifecycle.ts'
import { listenFault } from './listen_port.ts'
import { bringUpToDate } from './open_database.ts'
import { secretKey } from './secret_key.ts'
import { seedIfEmpty } from './seed_if_empty.ts'
import { startMetrics, startTraces } from './start_telemetry.ts'

export interface Serving {
  app: App
  config: Config
  database: ChosenDatabase
  log: Logger
  startedAt: number
  /** Told where the server listens. */
  tell(url: string): void
}

const POOLS_PATIENCE_MS = 2_000
const SWEEP_MS = 50

/** Serves the app until its life ends. */
export async function serve(life: Lifecycle, serving: Serving): Promise<void> {
  const { app, config, database: chosen, log } = serving
  const secret = await secretKey(config, log)
  const opened = openServerDatabase(serving)
  life.atEnd(async () => {
    await withTimeout(opened.close(), POOLS_PATIENCE_MS)
  })
  // Roles before the schema: the wrong one may see no schema, and would be told to migrate.
  const roles = rolesToCheck(chosen, opened)
  await assertServingRoles(roles)
  await bringUpToDate(chosen, app, config.production)
  await assertTablesProtected(roles, app.unprotectedTables)
  const findings = await lint(opened.pools.app, [serverFloor, roleSettings])
  for (const finding of findings) log.warn(findingText(finding))
  const passwords = createPasswords()
  if (!config.production) await seedIfEmpty(config, chosen, app, opened.database, passwords)
  life.assertOngoing()
  await startTraces(life, serving)
  const listener = startListener(life, serving, opened)
  const running = await createApp({
    app,
    config,
    secret,
    database: opened.database,
    pools: opened,
    listener,
    log,
    passwords,
    mail: createMail({
      smtpUrl: config.SMTP_URL,
      from: config.MAIL_FROM,
      dataDir: config.DATA_DIR,
      production: config.production,
      log,
    }),
  })
  await startMetrics(life, running, serving)
  life.atEnd(() => finish(running, life.forced, serving))
  await listen(running, config)
  announce(serving)
}

// The door across tenants stays shut: what a server cannot open, no request can pass through.
function openServerDatabase({ config, database, log }: Serving): OpenDatabase {
  const { app: DB_URL, identity: DB_IDENTITY_URL } = database.urls
  let closing = false
  const opened = openDatabase(
    { ...config, DB_URL, DB_IDENTITY_URL, DB_PLATFORM_URL: undefined },
    (err) => {
      if (!closing) log.warn({ err }, 'an idle connection to the database was lost')
    },
  )
  return {
    ...opened,
    close() {
      closing = true
      return opened.close()
    },
  }
}

// Serving does not wait for it: until it hears, every look-up asks the database.
function startListener(
  life: Lifecycle,
  { config, database: chosen, log }: Serving,
  { database }: OpenDatabase,
): InvalidationListener {
  const listener = createInvalidationListener({
    url: config.DB_LISTEN_URL ?? chosen.urls.app,
    database,
    onError: (err) => log.warn({ err }, 'changes of rights are not heard of; trying again'),
  })
  life.atEnd(async () => {
    await withTimeout(listener.stop(), POOLS_PATIENCE_MS)
  })
  listener.start()
  return listener
}

function rolesToCheck({ urls }: ChosenDatabase, { pools }: OpenDatabase): RoleToCheck[] {
  return [
    { role: 'app', setting: 'DB_URL', url: urls.app, pool: pools.app },
    { role: 'identity', setting: 'DB_IDENTITY_URL', url: urls.identity, pool: pools.identity },
  ]
}

async function listen({ server }: RunningApp, { PORT, HOST }: Config): Promise<void> {
  await server.listen({ port: PORT, host: HOST }).catch((error: unknown) => {
    throw listenFault(error, PORT, HOST)
  })
}

function announce({ app, config, database, log, startedAt, tell }: Serving): void {
  const { HOST, PORT } = config
  const url = `http://${HOST.includes(':') ? `[${HOST}]` : HOST}:${PORT}`
  tell(url)
  const ms = Math.round(performance.now() - startedAt)
  if (config.production) log.info({ url, ms }, 'listening')
  else process.stdout.write(banner({ app, config, url, place: database.place, ms }))
}

async function finish(
  running: RunningApp,
  hurried: Promise<void>,
  { config, log }: Serving,
): Promise<void> {
  log.info('stopping: finishing what is in flight')
  running.drain()
  await withTimeout(hurried, config.SHUTDOWN_DELAY_SECONDS * 1000)
  const http = running.server.server
  const closed = running.close()
  // A connection whose request was on its way falls idle only now, and would be kept alive.
  const sweeper = setInterval(() => http.closeIdleConnections(), SWEEP_MS)
  const seconds = config.SHUTDOWN_SECONDS
  if (await withTimeout(Promise.race([closed, hurried]), seconds * 1000)) {
    log.warn(`requests were still in flight after ${seconds} s (SHUTDOWN_SECONDS)`)
  }
  clearInterval(sweeper)
  http.closeAllConnections()
  await withTimeout(closed, POOLS_PATIENCE_MS)
}
