import { Command, Option } from 'commander'
import type { Logger } from 'pino'
import type { App } from '../app/define_app.ts'
import { type Config, loadConfig, readEnvironment } from '../config/config.ts'
import { misspelledSettings } from '../config/misspelled_settings.ts'
import { productionWarnings } from '../config/production.ts'
import { chooseDatabase } from '../db/provisioning/choose_database.ts'
import { lockDataDir, writeRunningUrl } from '../runtime/data_dir_lock.ts'
import { endWithShell, type Lifecycle, runLifecycle } from '../runtime/lifecycle.ts'
import { assertPortFree, withFreePort } from '../runtime/listen_port.ts'
import { loadApp } from '../runtime/load_app.ts'
import { createLog } from '../runtime/logger.ts'
import type { serve as Serve } from '../runtime/serve.ts'

/** `tenantry start`. */
export function startCommand(): Command {
  return new Command('start')
    .description(
      'Serve the app. Outside production and without DB_URL it uses an embedded PostgreSQL.',
    )
    .addOption(new Option('--managed', 'run as the child of `tenantry dev`').hideHelp())
    .addHelpText('after', examples)
    .action(start)
}

interface StartOptions {
  managed?: boolean
}

async function start({ managed = false }: StartOptions): Promise<void> {
  const startedAt = performance.now()
  const environment = await withFreePort(readEnvironment(process.cwd()))
  const config = loadConfig(environment)
  const log = createLog(config)
  for (const line of [...misspelledSettings(environment), ...productionWarnings(config)])
    log.warn(line)
  const onFault = (err: unknown) => log.fatal({ err }, 'uncaught error; shutting down')
  process.exitCode = await runLifecycle({ onFault }, async (life) => {
    if (managed) process.on('disconnect', () => life.end(0))
    else endWithShell(life, environment)
    const onListening = await lockDatabase(life, config, managed)
    await assertPortFree(config)
    await boot(life, { config, log, startedAt, onListening })
  })
}

interface Boot {
  config: Config
  log: Logger
  startedAt: number
  onListening(url: string): void
}

async function boot(life: Lifecycle, { config, log, startedAt, onListening }: Boot): Promise<void> {
  // Load code and wait for PostgreSQL concurrently: together they take most of a start.
  const loading = load()
  loading.catch(() => {})
  const database = await chooseDatabase(config)
  life.atEnd(database.stop)
  const { serve, app } = await loading
  life.assertOngoing()
  await serve(life, { app, config, database, log, startedAt, onListening })
}

// Loads the app last. Loading it may register a TypeScript loader, which would then also process every
// file of the kernel: that took a third of a start.
async function load(): Promise<{ serve: typeof Serve; app: App }> {
  const { serve } = await import('../runtime/serve.ts')
  return { serve, app: await loadApp(process.cwd()) }
}

// Locks DATA_DIR for the embedded database, which belongs to one process. Several processes may share an
// external server. Returns a function that records the URL of this process.
async function lockDatabase(
  life: Lifecycle,
  config: Config,
  managed: boolean,
): Promise<(url: string) => void> {
  if (config.production || config.DB_URL !== undefined) return () => {}
  if (managed) return (url) => writeRunningUrl(config.DATA_DIR, url)
  const lock = await lockDataDir(config.DATA_DIR)
  life.atEnd(lock.release)
  return lock.writeUrl
}

const examples = `
Examples:
  $ tenantry start
  $ PORT=9000 tenantry start
  $ DB_URL=postgresql://postgres:secret@localhost:5432/saas_db tenantry start`
