import { Command } from 'commander'
import { OperatorError } from '../lib/operator_error.ts'
import { bringFilesUpToDate, generatedFiles } from './generated_files.ts'

/** `tenantry generate`. */
export function generateCommand(): Command {
  return new Command('generate')
    .description(
      "Write what follows from the app's migrations and routes: src/tables.ts and openapi.json.\n" +
        'It reads them from a database that it makes and throws away (TEST_DB_URL, or embedded).',
    )
    .option('--check', 'write nothing; exit 1 where a file is not current')
    .addHelpText('after', '\nExamples:\n  $ tenantry generate\n  $ tenantry generate --check')
    .action(generate)
}

async function generate({ check = false }: { check?: boolean }): Promise<void> {
  const folder = process.cwd()
  const stale = await bringFilesUpToDate(folder, await generatedFiles(folder), check)
  if (!check) {
    console.log(stale.length > 0 ? `written: ${stale.join(', ')}` : 'everything is current')
    return
  }
  if (stale.length > 0) {
    throw new OperatorError(`not current: ${stale.join(', ')}; run: npm run generate`)
  }
}
