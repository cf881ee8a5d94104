import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { loadConfig, readEnvironment } from '../config/config.ts'
import { CHOSEN_FILE } from '../config/environment_file.ts'
import { startEmbedded } from '../db/embedded/embedded.ts'
import { OperatorError } from '../lib/operator_error.ts'
import { lockDataDir } from '../runtime/data_dir_lock.ts'
import { endWithShell, type Lifecycle, runLifecycle } from '../runtime/lifecycle.ts'
import { findApp } from '../runtime/load_app.ts'
import { formatError, wantsStack } from './format_error.ts'
import { supervise } from './supervise.ts'
import { watchChanges } from './watch_changes.ts'

/** `tenantry dev`. */
export function devCommand(): Command {
  return new Command('dev')
    .description(
      'Serve the app, and restart it on every change. The embedded database keeps running.',
    )
    .addHelpText('after', '\nExamples:\n  $ tenantry dev\n  $ PORT=9000 tenantry dev')
    .action(dev)
}

async function dev(): Promise<void> {
  const folder = process.cwd()
  const environment = readEnvironment(folder)
  const config = loadConfig(environment)
  if (config.production)
    throw new OperatorError('tenantry dev does not run in production: use tenantry start')
  const app = findApp(folder)
  const onFault = (error: unknown) => console.error(formatError(error, wantsStack(folder)))
  process.exitCode = await runLifecycle({ onFault }, async (life) => {
    endWithShell(life, environment)
    if (config.DB_URL === undefined) await startDatabase(life, config.DATA_DIR)
    const supervisor = supervise()
    life.atEnd(supervisor.stop)
    const paths = watchedPaths(folder, app, environment)
    life.atEnd(await watchChanges({ paths, folder, onChange: supervisor.restart }))
    supervisor.restart()
  })
}

// Runs in this process and not in the child, so that it survives a restart of the child.
async function startDatabase(life: Lifecycle, dataDir: string): Promise<void> {
  const lock = await lockDataDir(dataDir)
  life.atEnd(lock.release)
  const postgres = await startEmbedded({ dataDir })
  life.atEnd(postgres.stop)
  life.assertOngoing()
}

// The app's sources, its migrations and the settings. In a checkout, the kernel's sources too.
function watchedPaths(folder: string, app: string, environment: NodeJS.ProcessEnv): string[] {
  const sources = dirname(app)
  const kernel = fileURLToPath(new URL('..', import.meta.url))
  const settings = resolve(folder, environment[CHOSEN_FILE] ?? '.env')
  // The server reads the built pages once, at its start.
  const own = [
    sources,
    resolve(sources, '../migrations'),
    resolve(sources, '../web/dist'),
    settings,
  ]
  return kernel.includes('node_modules') ? own : [...own, resolve(kernel)]
}
