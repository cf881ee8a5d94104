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

/** Paths from the folder they were made for, and what should be in them. */
export type GeneratedFiles = Record<string, string>

/**
 * What follows from an app's migrations and routes: the types of its tables, and its OpenAPI
 * document. `more` may add files from the same throw-away database.
 */
export async function generatedFiles(
  folder: string,
  more: (ownerUrl: string) => Promise<GeneratedFiles> = async () => ({}),
): Promise<GeneratedFiles> {
  const source = findApp(folder)
  if (!source.endsWith('.ts')) {
    throw new OperatorError(`${source} is no source: there is nothing to generate beside it`)
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

/** Writes the files that are not current and gives their paths; with `check` it writes nothing. */
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
  const given = readEnvironment(folder)['TEST_DB_URL']
  const server = given ? databaseUrl(given) : undefined
  const { urls, stop } = await openTemporaryDatabase(migrations, server)
  try {
    return await work(urls.owner)
  } finally {
    await stop()
  }
}
