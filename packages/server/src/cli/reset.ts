import { once } from 'node:events'
import { createInterface } from 'node:readline/promises'
import { Command } from 'commander'
import { type CommandConfig, loadCommandConfig, readEnvironment } from '../config/config.ts'
import { databaseOf, serverOf } from '../db/connect/dsn.ts'
import { controlFolder, findDataFolder } from '../db/embedded/data_folder.ts'
import { removeEmbedded } from '../db/embedded/embedded.ts'
import { deletePasswords } from '../db/provisioning/password_file.ts'
import { OperatorError } from '../lib/operator_error.ts'
import { runningServer } from '../runtime/data_dir_lock.ts'

/** `tenantry reset`. */
export function resetCommand(): Command {
  return new Command('reset')
    .description('Delete the embedded database. The next start creates an empty one.')
    .option('--yes', 'do not ask for confirmation')
    .addHelpText('after', '\nExamples:\n  $ tenantry reset\n  $ tenantry reset --yes')
    .action(reset)
}

async function reset({ yes = false }: { yes?: boolean }): Promise<void> {
  const config = loadCommandConfig(readEnvironment(process.cwd()))
  assertResettable(config)
  const folder = findDataFolder(controlFolder(config.DATA_DIR))
  if (folder === undefined) {
    console.log(`there is no embedded database in ${config.DATA_DIR}`)
    return
  }
  if (!yes && !(await confirm(`Delete the database in ${folder.cluster} and all its data?`))) {
    console.log('nothing was deleted')
    return
  }
  await removeEmbedded(config.DATA_DIR)
  deletePasswords(config.DATA_DIR, 'embedded')
  console.log(`deleted ${folder.cluster}; the next start creates a new one`)
}

function assertResettable({ production, DB_URL, DATA_DIR }: CommandConfig): void {
  if (production)
    throw new OperatorError('tenantry reset deletes a database and does not run in production')
  if (DB_URL !== undefined) {
    throw new OperatorError(
      `reset deletes the embedded database only, but DB_URL is set: drop ${databaseOf(DB_URL)} at ` +
        `${serverOf(DB_URL)} with dropdb, or unset DB_URL`,
    )
  }
  const running = runningServer(DATA_DIR)
  if (running === undefined) return
  const where = running.url === undefined ? '' : ` at ${running.url}`
  throw new OperatorError(
    `the database is in use: stop the server${where} (process ${running.pid}) first`,
  )
}

async function confirm(question: string): Promise<boolean> {
  if (!process.stdin.isTTY) {
    throw new OperatorError(
      'cannot ask for confirmation without a terminal: to delete the database, add --yes',
    )
  }
  const terminal = createInterface({ input: process.stdin, output: process.stdout })
  // Ctrl-C and the end of the input count as no.
  const answer = await Promise.race([
    terminal.question(`${question} [y/N] `).catch(() => ''),
    once(terminal, 'close').then(() => ''),
  ])
  terminal.close()
  return /^y(es)?$/i.test(answer.trim())
}
