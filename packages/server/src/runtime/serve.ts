import type { Logger } from 'pino'
import { createPasswords } from '../access/passwords.ts'
import type { App } from '../app/define_app.ts'
import type { Config } from '../config/config.ts'
import { assertDoorRoles, assertTablesProtected, type DoorToCheck } from '../db/lint/boot_check.ts'
import { findingText, lint } from '../db/lint/lint.ts'
import { serverFloor } from '../db/lint/rules.ts'
import { type OpenDoors, openDoors } from '../db/open_database.ts'
import type { PreparedDatabase } from '../db/provisioning/choose_database.ts'
import { roleSettings } from '../db/provisioning/role_settings.ts'
import { createFeed, type Feed } from '../invalidation/listener.ts'
import { within } from '../lib/with_timeout.ts'
import { createMail } from '../mail/mail.ts'
import { banner } from './banner.ts'
import { createApp, type RunningApp } from './create_app.ts'
import type { Life } from './lifecycle.ts'
import { listenFault } from './listen_port.ts'
import { bringUpToDate } from './open_database.ts'
import { secretKey } from './secret_key.ts'
import { seedWhereEmpty } from './seed_if_empty.ts'
import { exposeMetrics, trace } from './start_telemetry.ts'

export interface Serving {
  app: App
  config: Config
  database: PreparedDatabase
  log: Logger
  startedAt: number
  /** Told where the server listens. */
  tell(url: string): void
}

const POOLS_PATIENCE_MS = 2_000
const SWEEP_MS = 50

/** Serves the app until its life ends. */
export async function serve(life: Life, serving: Serving): Promise<void> {
  const { app, config, database, log } = serving
  const secret = await secretKey(config, log)
  const opened = openServerDoors(serving)
  life.atEnd(async () => {
    await within(opened.close(), POOLS_PATIENCE_MS)
  })
  // Roles before the schema: the wrong one may see no schema, and would be told to migrate.
  const doors = doorsToCheck(database, opened)
  await assertDoorRoles(doors)
  await bringUpToDate(database, app, config.production)
  await assertTablesProtected(doors, app.unprotectedTables)
  const findings = await lint(opened.pools.app, [serverFloor, roleSettings])
  for (const finding of findings) log.warn(findingText(finding))
  const passwords = createPasswords()
  if (!config.production) await seedWhereEmpty(config, database, app, opened.doors, passwords)
  life.assertOngoing()
  await trace(life, serving)
  const feed = startFeed(life, serving, opened)
  const running = await createApp({
    app,
    config,
    secret,
    doors: opened.doors,
    pools: opened,
    feed,
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
  await exposeMetrics(life, running, serving)
  life.atEnd(() => finish(running, life.hurried, serving))
  await listen(running, config)
  announce(serving)
}

// The door across tenants stays shut: what a server cannot open, no request can pass through.
function openServerDoors({ config, database, log }: Serving): OpenDoors {
  const { app: DB_URL, identity: DB_IDENTITY_URL } = database.urls
  let closing = false
  const opened = openDoors(
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
function startFeed(life: Life, { config, database, log }: Serving, { doors }: OpenDoors): Feed {
  const feed = createFeed({
    url: config.DB_LISTEN_URL ?? database.urls.app,
    doors,
    onError: (err) => log.warn({ err }, 'changes of rights are not heard of; trying again'),
  })
  life.atEnd(async () => {
    await within(feed.stop(), POOLS_PATIENCE_MS)
  })
  feed.start()
  return feed
}

function doorsToCheck({ urls }: PreparedDatabase, { pools }: OpenDoors): DoorToCheck[] {
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
  await within(hurried, config.SHUTDOWN_DELAY_SECONDS * 1000)
  const http = running.server.server
  const closed = running.close()
  // A connection whose request was on its way falls idle only now, and would be kept alive.
  const sweeper = setInterval(() => http.closeIdleConnections(), SWEEP_MS)
  const seconds = config.SHUTDOWN_SECONDS
  if (await within(Promise.race([closed, hurried]), seconds * 1000)) {
    log.warn(`requests were still in flight after ${seconds} s (SHUTDOWN_SECONDS)`)
  }
  clearInterval(sweeper)
  http.closeAllConnections()
  await within(closed, POOLS_PATIENCE_MS)
}
