import { Command, Option } from 'commander'
import type { Logger } from 'pino'
import type { App } from '../app/define_app.ts'
import { type Config, loadConfig, readEnvironment } from '../config/config.ts'
import { misspelledSettings } from '../config/misspelled_settings.ts'
import { productionWarnings } from '../config/production.ts'
import { chooseDatabase } from '../db/provisioning/choose_database.ts'
import { OperatorError } from '../lib/operator_error.ts'
import { lockDataDir, writeRunningUrl } from '../runtime/data_dir_lock.ts'
import { endWithShell, type Lifecycle, runLifecycle } from '../runtime/lifecycle.ts'
import { assertPortFree, withFreePort } from '../runtime/listeners/listen_port.ts'
import { loadApp } from '../runtime/load_app.ts'
import { createLog } from '../runtime/logger.ts'
import type * as Server from '../runtime/serve.ts'

/** `tenantry start`. */
export function startCommand(): Command {
  return new Command('start')
    .description(
      'Serve the app. Outside production and without DB_URL it uses an embedded PostgreSQL.',
    )
    .addOption(new Option('--managed', 'run as the child of `tenantry dev`').hideHelp())
    .addOption(new Option('--after <file>', 'restarted after this file changed').hideHelp())
    .addHelpText('after', examples)
    .action(start)
}

/** `tenantry worker`. */
export function workerCommand(): Command {
  return new Command('worker')
    .description(
      'Run background jobs without serving requests, with the settings of a server and DB_JOBS_URL. ' +
        'Outside production it needs a DB_URL: the embedded database belongs to one process.',
    )
    .addHelpText('after', '\nExample:\n  $ WORKER_CONCURRENCY=20 tenantry worker')
    .action(startWorker)
}

interface StartOptions {
  managed?: boolean
  after?: string
}

async function start({ managed = false, after }: StartOptions): Promise<void> {
  const startedAt = performance.now()
  const environment = await withFreePort(readEnvironment(process.cwd()))
  const { config, log } = openConfig(environment)
  const onFault = faultLog(log)
  process.exitCode = await runLifecycle({ onFault }, async (life) => {
    if (managed) process.on('disconnect', () => life.end(0))
    else endWithShell(life, environment)
    const onListening = await lockDatabase(life, config, managed)
    await assertPortFree(config)
    await boot(life, 'serve', { config, log, startedAt, managed, after, onListening })
  })
}

async function startWorker(): Promise<void> {
  const startedAt = performance.now()
  const environment = readEnvironment(process.cwd())
  const { config, log } = openConfig(environment)
  if (!config.production && config.DB_URL === undefined) {
    throw new OperatorError(
      'the embedded database belongs to the process of `tenantry start`, which runs the jobs: set DB_URL',
    )
  }
  const onFault = faultLog(log)
  process.exitCode = await runLifecycle({ onFault }, async (life) => {
    endWithShell(life, environment)
    const given = { config, log, startedAt, managed: false, after: undefined }
    await boot(life, 'work', { ...given, onListening: () => {} })
  })
}

function openConfig(environment: NodeJS.ProcessEnv): Pick<Boot, 'config' | 'log'> {
  const config = loadConfig(environment)
  const log = createLog(config)
  for (const line of [...misspelledSettings(environment), ...productionWarnings(config)])
    log.warn(line)
  return { config, log }
}

function faultLog(log: Logger) {
  return (err: unknown) => log.fatal({ err }, 'uncaught error; shutting down')
}

interface Boot {
  config: Config
  log: Logger
  startedAt: number
  managed: boolean
  after: string | undefined
  onListening(url: string): void
}

async function boot(life: Lifecycle, as: 'serve' | 'work', given: Boot): Promise<void> {
  // Load code and wait for PostgreSQL concurrently: together they take most of a start.
  const loading = load()
  loading.catch(() => {})
  const database = await chooseDatabase(given.config)
  life.atEnd(database.stop)
  const { server, app } = await loading
  life.assertOngoing()
  await server[as](life, { ...given, app, database })
}

// Loads the app last. Loading it may register a TypeScript loader, which would then also process every
// file of the kernel: that took a third of a start.
async function load(): Promise<{ server: typeof Server; app: App }> {
  const server = await import('../runtime/serve.ts')
  return { server, app: await loadApp(process.cwd()) }
}

// Locks DATA_DIR for the embedded database, which belongs to one process. Several processes may share an
// external server. Returns a function that records the URL of this process.
async function lockDatabase(
  life: Lifecycle,
  config: Config,
  managed: boolean,
): Promise<(url: string) => void> {
  const isEmbedded = !config.production && config.DB_URL === undefined
  if (managed) {
    return (url) => {
      if (isEmbedded) writeRunningUrl(config.DATA_DIR, url)
      // The parent shows the banner until a start has succeeded.
      process.send?.('ready')
    }
  }
  if (!isEmbedded) return () => {}
  const lock = await lockDataDir(config.DATA_DIR)
  life.atEnd(lock.release)
  return lock.writeUrl
}

const examples = `
Examples:
  $ tenantry start
  $ PORT=9000 tenantry start
  $ DB_URL=postgresql://postgres:secret@localhost:5432/saas_db tenantry start`
