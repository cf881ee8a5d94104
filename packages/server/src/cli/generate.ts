import { Command } from 'commander'
import { OperatorError } from '../lib/operator_error.ts'
import { bringFilesUpToDate, generatedFiles } from './generated_files.ts'

/** `tenantry generate`. */
export function generateCommand(): Command {
  return new Command('generate')
    .description(
      "Generate src/tables.ts and openapi.json from the app's migrations and routes, and web/api.d.ts for " +
        'the typed client if there is a folder web. The command uses a temporary database, on the server of ' +
        'TEST_DB_URL or on an embedded PostgreSQL.',
    )
    .option('--check', 'write nothing; exit with 1 if a file is not current')
    .addHelpText('after', '\nExamples:\n  $ tenantry generate\n  $ tenantry generate --check')
    .action(generate)
}

async function generate({ check = false }: { check?: boolean }): Promise<void> {
  const folder = process.cwd()
  const stale = await bringFilesUpToDate(folder, await generatedFiles(folder), check)
  if (!check) {
    console.log(stale.length > 0 ? `written: ${stale.join(', ')}` : 'all files are current')
    return
  }
  if (stale.length > 0) {
    throw new OperatorError(`not current: ${stale.join(', ')}; run: npm run generate`)
  }
}
