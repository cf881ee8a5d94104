import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { readEnvironment } from '../config/config.ts'
import { databaseUrl } from '../config/parsers.ts'
import { generateTables } from '../db/migrations/generate_tables.ts'
import { openTemporaryDatabase } from '../db/provisioning/temporary_database.ts'
import { OperatorError } from '../lib/operator_error.ts'
import { describeApp } from '../runtime/describe_app.ts'
import { findApp, loadApp } from '../runtime/load_app.ts'

/** The content of generated files, by path from the app's folder. */
export type GeneratedFiles = Record<string, string>

/** What this repository does otherwise than an app. */
export interface GenerateOptions {
  /** Adds files from the same temporary database. */
  more?: (ownerUrl: string) => Promise<GeneratedFiles>
  /** The default is that of the package `tenantry-codegen`, on which the app depends. */
  typesOf?: TypesOf
}

type TypesOf = (document: object) => Promise<string>

/** Generates the files of an app: the types of its tables, its OpenAPI document, and that as types for web/. */
export async function generatedFiles(
  folder: string,
  { more = async () => ({}), typesOf }: GenerateOptions = {},
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
  const web = join(migrations, '../web')
  const types = existsSync(web) ? await (typesOf ?? (await loadTypesOf(web)))(document) : undefined
  return onTemporaryDatabase(folder, migrations, async (url) => ({
    [at(dirname(source), 'tables.ts')]: await generateTables(url, 'public', 'AppTables'),
    [at(migrations, '../openapi.json')]: `${JSON.stringify(document, null, 2)}\n`,
    ...(types === undefined ? {} : { [at(web, 'api.d.ts')]: types }),
    ...(await more(url)),
  }))
}

const CODEGEN = 'tenantry-codegen'

// Of the app: it brings a TypeScript of its own, which no server needs.
async function loadTypesOf(web: string): Promise<TypesOf> {
  try {
    const path = createRequire(join(web, 'package.json')).resolve(`${CODEGEN}/package.json`)
    const { typesOf } = await import(pathToFileURL(join(dirname(path), 'dist/index.js')).href)
    return typesOf
  } catch (cause) {
    throw new OperatorError(
      `cannot load ${CODEGEN}, which writes web/api.d.ts: npm install --save-dev --save-exact ${CODEGEN}`,
      { cause },
    )
  }
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
