// Writes the files that follow from the migrations and the routes: `npm run generate`. With --check it
// writes nothing and fails when a file is out of date.
import { readFile } from 'node:fs/promises'
import { typesOf } from '../packages/codegen/src/index.ts'
import { defineApp } from '../packages/server/src/app/define_app.ts'
import { definePolicy } from '../packages/server/src/app/policy.ts'
import { bringFilesUpToDate, generatedFiles } from '../packages/server/src/cli/generated_files.ts'
import { generateTables } from '../packages/server/src/db/migrations/generate_tables.ts'
import { describeApp } from '../packages/server/src/runtime/describe_app.ts'
import { guideExamples } from './generate/guide_examples.ts'
import { licencesPage } from './generate/licensed_packages.ts'
import { settingsPage } from './generate/settings_table.ts'

const check = process.argv.includes('--check')
const root = process.cwd()

// The starter's files, as `tenantry generate` writes them for any app, and the kernel's own.
const files = await generatedFiles(root, {
  typesOf,
  more: async (url) => ({
    'packages/server/src/db/tables.ts': await generateTables(url, 'tenantry', 'KernelTables'),
    'packages/client/src/kernel_api.ts': await typesOf(await kernelDocument()),
    'packages/server/test/fixtures/guides/guide_examples.ts': await guideExamples(),
    'docs/settings.md': await settingsPage(),
    'docs/licences.md': licencesPage(await readFile('package-lock.json', 'utf8')),
  }),
})
const stale = await bringFilesUpToDate(root, files, check)
if (check && stale.length > 0) {
  console.error(`not current: ${stale.join(', ')}; run: npm run generate`)
  process.exitCode = 1
}

/** What every app has: the API of an app that adds nothing. */
async function kernelDocument(): Promise<object> {
  const migrations = new URL('../packages/server/migrations', import.meta.url)
  const policy = definePolicy({ resources: {}, roles: {} })
  const app = defineApp({ name: 'Tenantry', policy, routes: [], migrations })
  return (await describeApp(app)).document
}
