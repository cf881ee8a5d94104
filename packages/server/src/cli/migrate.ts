import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { type CommandConfig, loadCommandConfig, readEnvironment } from '../config/config.ts'
import {
  type History,
  histories,
  type MigrationStatus,
  migrateDown,
  migrateUp,
  migrationStatus,
} from '../db/migrations/migrate.ts'
import { isPooled } from '../db/provisioning/probe.ts'
import { OperatorError } from '../lib/operator_error.ts'
import { loadApp } from '../runtime/load_app.ts'
import { pooledOwner, withDatabase } from '../runtime/with_database.ts'
import { noteEmbedded, printJson, printTable } from './print.ts'

/** `tenantry migrate`. */
export function migrateCommand(): Command {
  const migrate = new Command('migrate')
    .description("Apply, revert or list migrations: the kernel's, then the app's.")
    .addHelpText('after', examples)
  migrate
    .command('up')
    .description('apply the pending migrations')
    .option('--json', 'print JSON')
    .action(up)
  migrate
    .command('down')
    .description('revert the last migration (never in production)')
    .option('--kernel', "the kernel's last migration instead of the app's")
    .option('--json', 'print JSON')
    .action(down)
  migrate
    .command('redo')
    .description('revert the last migration and apply it again (never in production)')
    .option('--kernel', "the kernel's last migration instead of the app's")
    .option('--json', 'print JSON')
    .action(redo)
  migrate
    .command('status')
    .description('list applied and pending migrations')
    .option('--json', 'print JSON')
    .action(status)
  return migrate
}

interface MigrateOptions {
  json?: boolean
  kernel?: boolean
}

async function up({ json }: MigrateOptions): Promise<void> {
  const applied = await asOwner(({ owner, all }) => migrateUp(owner, all))
  report(json, { applied }, applied, 'nothing is pending')
}

async function down({ json, kernel }: MigrateOptions): Promise<void> {
  const reverted = await asOwner(({ owner, all, config }) => {
    assertMayRevert(config)
    return migrateDown(owner, historyOf(all, kernel))
  })
  report(json, { reverted }, reverted, 'there is nothing to revert')
}

async function redo({ json, kernel }: MigrateOptions): Promise<void> {
  const done = await asOwner(async ({ owner, all, config }) => {
    assertMayRevert(config)
    const reverted = await migrateDown(owner, historyOf(all, kernel))
    return { reverted, applied: await migrateUp(owner, all) }
  })
  report(json, done, done.applied, 'there is nothing to apply again')
}

async function status({ json }: MigrateOptions): Promise<void> {
  const statuses = await asOwner(({ owner, all }) => migrationStatus(owner, all))
  if (json) return printJson(statuses)
  printTable(['HISTORY', 'MIGRATION', 'STATE'], statuses.flatMap(rowsOf))
}

interface MigrationWork {
  owner: string
  all: History[]
  config: CommandConfig
}

async function asOwner<T>(work: (it: MigrationWork) => Promise<T>): Promise<T> {
  const config = loadCommandConfig(readEnvironment(process.cwd()))
  const app = await loadApp(process.cwd())
  const all = histories(fileURLToPath(app.migrations))
  const { DB_OWNER_URL: owner } = config
  if (owner !== undefined) {
    if (await isPooled(owner, 'DB_OWNER_URL')) throw pooledOwner()
    return work({ owner, all, config })
  }
  if (config.production) throw ownerNeeded()
  return withDatabase(config, async (database) => {
    const { owner } = database.urls
    if (owner === undefined) throw ownerNeeded()
    const done = await work({ owner, all, config })
    noteEmbedded(database)
    return done
  })
}

function ownerNeeded(): OperatorError {
  return new OperatorError('set DB_OWNER_URL to migrate: `tenantry setup` prints it')
}

function assertMayRevert({ production }: CommandConfig): void {
  if (!production) return
  throw new OperatorError(
    'production does not revert migrations: write a new one that undoes the change',
  )
}

function historyOf(all: History[], kernel = false): History {
  const history = all.find(({ name }) => name === (kernel ? 'kernel' : 'app'))
  if (history === undefined) throw new Error('there are two histories')
  return history
}

function report(json: boolean | undefined, done: object, names: string[], ifEmpty: string): void {
  if (json) printJson(done)
  else console.log(names.length > 0 ? names.join('\n') : ifEmpty)
}

function rowsOf({ history, applied, pending, unknown }: MigrationStatus): string[][] {
  return [
    ...applied.map((name) => [
      history,
      name,
      unknown.includes(name) ? 'not in this code' : 'applied',
    ]),
    ...pending.map((name) => [history, name, 'pending']),
  ]
}

const examples = `
Examples:
  $ tenantry migrate up
  $ tenantry migrate status --json
  $ tenantry migrate redo`
