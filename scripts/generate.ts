// Writes the files that follow from the migrations and the routes: `npm run generate`. With --check it
// writes nothing and fails when a file is out of date.
import { readFile } from 'node:fs/promises'
import { bringFilesUpToDate, generatedFiles } from '../packages/server/src/cli/generated_files.ts'
import { generateTables } from '../packages/server/src/db/migrations/generate_tables.ts'
import { licencesPage } from './generate/licensed_packages.ts'
import { pageOfTuningSettings, readmeWithSettings } from './generate/settings_table.ts'

const check = process.argv.includes('--check')
const root = process.cwd()

// The starter's files, as `tenantry generate` writes them for any app, and the kernel's own.
const files = await generatedFiles(root, async (url) => ({
  'packages/server/src/db/tables.ts': await generateTables(url, 'tenantry', 'KernelTables'),
  'README.md': await readmeWithSettings(),
  'docs/settings.md': await pageOfTuningSettings(),
  'docs/licences.md': licencesPage(await readFile('package-lock.json', 'utf8')),
}))
const stale = await bringFilesUpToDate(root, files, check)
if (check && stale.length > 0) {
  console.error(`not current: ${stale.join(', ')}; run: npm run generate`)
  process.exitCode = 1
}
