import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, watch } from 'node:fs'
import { dirname, join, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { loadConfig, readEnvironment } from '../config/config.ts'
import { startEmbedded } from '../db/embedded/embedded.ts'
import { OperatorError } from '../lib/operator_error.ts'
import { lockDataDir } from '../runtime/data_dir_lock.ts'
import { endWithShell, type Lifecycle, runLifecycle } from '../runtime/lifecycle.ts'
import { findApp } from '../runtime/load_app.ts'
import { formatError, wantsStack } from './format_error.ts'

/** `tenantry dev`. */
export function devCommand(): Command {
  return new Command('dev')
    .description(
      'Serve the app, and restart it on every change. The embedded database keeps running.',
    )
    .addHelpText('after', '\nExamples:\n  $ tenantry dev\n  $ PORT=9000 tenantry dev')
    .action(dev)
}

const DEBOUNCE_MS = 120
const bin = fileURLToPath(new URL('../../bin/tenantry.js', import.meta.url))

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
    watchAll(life, watchedPaths(folder, app), supervisor.restart)
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

interface Supervisor {
  restart(changed?: string): void
  stop(): Promise<void>
}

function supervise(): Supervisor {
  let child: ChildProcess | undefined
  let last = Promise.resolve()
  let stopping = false
  const start = () => {
    const started = spawn(process.execPath, [bin, 'start', '--managed'], {
      stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    })
    started.on('exit', () => {
      if (child !== started) return
      child = undefined
      if (!stopping) console.error('tenantry: the server exited; waiting for a change')
    })
    child = started
  }
  const end = async () => {
    const ending = child
    child = undefined
    if (ending !== undefined) await terminate(ending)
  }
  return {
    restart(changed) {
      last = last.then(async () => {
        if (stopping) return
        if (changed !== undefined) console.error(`tenantry: ${changed} changed; restarting`)
        await end()
        if (!stopping) start()
      })
    },
    async stop() {
      stopping = true
      await last
      await end()
    },
  }
}

async function terminate(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, 'exit')
  child.kill('SIGTERM')
  await exit
}

// The app's sources, its migrations and the settings. In a checkout, the kernel's sources too.
function watchedPaths(folder: string, app: string): string[] {
  const sources = dirname(app)
  const kernel = fileURLToPath(new URL('..', import.meta.url))
  const migrations = join(sources, '..', 'migrations')
  const candidates = [sources, migrations, join(folder, '.env')]
  return [...candidates, ...(kernel.includes('node_modules') ? [] : [kernel])].filter(existsSync)
}

function watchAll(life: Lifecycle, paths: string[], onChange: (changed: string) => void): void {
  let timer: NodeJS.Timeout | undefined
  const onEvent = (name: string | null) => {
    if (name === null || isIgnored(name)) return
    clearTimeout(timer)
    timer = setTimeout(() => onChange(name), DEBOUNCE_MS)
  }
  for (const path of paths) {
    const watcher = watch(path, { recursive: true }, (_event, name) => onEvent(name))
    watcher.on('error', () => {})
    life.atEnd(() => watcher.close())
  }
}

function isIgnored(name: string): boolean {
  return (
    name.split(sep).some((part) => part === 'node_modules' || part === '.git') ||
    /(^|[/\\])\.(?!env$)|~$|\.(swp|tmp)$|\.test\.[jt]s$/.test(name)
  )
}
