import { readFile, writeFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readEnvironment } from '../config/config.ts'
import { databaseUrl } from '../config/parsers.ts'
import { generateTables } from '../db/migrations/generate_tables.ts'
import { openTemporaryDatabase } from '../db/provisioning/temporary_database.ts'
import { OperatorError } from '../lib/operator_error.ts'
import { describeApp } from '../runtime/describe_app.ts'
import { findApp, loadApp } from '../runtime/load_app.ts'

/** The content of generated files, by path from the app's folder. */
export type GeneratedFiles = Record<string, string>

/**
 * Generates the files of an app: the types of its tables and its OpenAPI document. `more` may add files
 * from the same temporary database.
 */
export async function generatedFiles(
  folder: string,
  more: (ownerUrl: string) => Promise<GeneratedFiles> = async () => ({}),
): Promise<GeneratedFiles> {
  const source = findApp(folder)
  if (!source.endsWith('.ts')) {
    throw new OperatorError(
      `${source} is compiled: run this command in the folder of the app's sources`,
    )
  }
  const app = await loadApp(folder)
  const migrations = fileURLToPath(app.migrations)
  const { document } = await describeApp(app)
  const at = (...parts: string[]) => relative(folder, join(...parts))
  return onTemporaryDatabase(folder, migrations, async (url) => ({
    [at(dirname(source), 'tables.ts')]: await generateTables(url, 'public', 'AppTables'),
    [at(migrations, '../openapi.json')]: `${JSON.stringify(document, null, 2)}\n`,
    ...(await more(url)),
  }))
}

/** Writes the files that are not current and returns their paths. With `check` it writes nothing. */
export async function bringFilesUpToDate(
  folder: string,
  files: GeneratedFiles,
  check: boolean,
): Promise<string[]> {
  const stale: string[] = []
  for (const [path, content] of Object.entries(files)) {
    const file = join(folder, path)
    if ((await readFile(file, 'utf8').catch(() => '')) === content) continue
    stale.push(path)
    if (!check) await writeFile(file, content)
  }
  return stale
}

async function onTemporaryDatabase<T>(
  folder: string,
  migrations: string,
  work: (ownerUrl: string) => Promise<T>,
): Promise<T> {
  const testUrl = readEnvironment(folder)['TEST_DB_URL']
  const server = testUrl ? databaseUrl(testUrl) : undefined
  const { urls, stop } = await openTemporaryDatabase(migrations, server)
  try {
    return await work(urls.owner)
  } finally {
    await stop()
  }
}
