// Writes what is generated from the migrations and the routes: `npm run generate`. With --check it
// writes nothing and fails when a file is not current.
import { readFile, writeFile } from 'node:fs/promises'
import { generateTables } from '../packages/server/src/db/generate_tables.ts'
import { withMigratedDatabase } from './database.ts'
import { describeApi } from './describe_api.ts'
import { readmeWithSettings } from './settings_table.ts'

const check = process.argv.includes('--check')

const tables = await withMigratedDatabase('starter/migrations', async (url) => ({
  'packages/server/src/db/tables.ts': await generateTables(url, 'tenantry', 'KernelTables'),
  'starter/src/tables.ts': await generateTables(url, 'public', 'AppTables'),
}))
const files = {
  ...tables,
  'starter/openapi.json': await describeApi(),
  'README.md': await readmeWithSettings(),
}

const stale: string[] = []
for (const [path, content] of Object.entries(files)) {
  if ((await readFile(path, 'utf8').catch(() => '')) === content) continue
  stale.push(path)
  if (!check) await writeFile(path, content)
}
if (check && stale.length > 0) {
  console.error(`not current: ${stale.join(', ')}; run: npm run generate`)
  process.exitCode = 1
}
