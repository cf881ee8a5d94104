import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { type History, histories } from '../src/db/migrate.ts'
import { appMigrations } from './databases.ts'

/** The starter's migrations and these, in a folder of their own. */
export async function historiesWith(files: Record<string, string>): Promise<[History, History]> {
  const folder = await mkdtemp(join(tmpdir(), 'tenantry-migrations-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  await cp(appMigrations, folder, { recursive: true })
  for (const [name, sql] of Object.entries(files)) await writeFile(join(folder, name), sql)
  const [kernel, app] = histories(folder)
  if (kernel === undefined || app === undefined) throw new Error('two histories')
  return [kernel, app]
}
