// Holds the imports against .dependency-cruiser.mjs. JavaScript, because under tsx the cruiser loses
// its parser for TypeScript.
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { argv } from 'node:process'
import { cruise } from 'dependency-cruiser'
import extractDepcruiseOptions from 'dependency-cruiser/config-utl/extract-depcruise-options'

const rules = join(import.meta.dirname, '../.dependency-cruiser.mjs')
const roots = ['packages', 'starter', 'scripts']

/**
 * Each forbidden import under `folder` as one line, and each source file that was not looked at.
 * @param {string} folder
 */
export async function importFaults(folder) {
  const { modules, summary } = await cruiseSources(folder)
  const seen = new Set(modules.map((it) => it.source))
  const sources = await sourcesOf(folder)
  const faults = summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} -> ${to}`)
  faults.push(...sources.filter((it) => !seen.has(it)).map((it) => `not looked at: ${it}`))
  // A cruiser that cannot read TypeScript finds nothing, and says that all is well.
  if (!summary.totalDependenciesCruised) faults.push('not one import was seen')
  return faults
}

/** @param {string} folder */
async function cruiseSources(folder) {
  const options = { ...(await extractDepcruiseOptions(rules)), baseDir: folder }
  const kernel = join(folder, 'packages/server/src')
  // As in tsconfig.json, which the cruiser cannot read without TypeScript's old API.
  const alias = {
    tenantry$: join(kernel, 'index.ts'),
    'tenantry/testing$': join(kernel, 'testing.ts'),
  }
  const { output } = await cruise(roots, options, { alias, bustTheCache: true })
  if (typeof output === 'string') throw new Error(output)
  return output
}

/** @param {string} folder */
async function sourcesOf(folder) {
  const found = await Promise.all(
    roots.map(async (root) => {
      const names = await readdir(join(folder, root), { recursive: true })
      return names.map((name) => `${root}/${name.replaceAll('\\', '/')}`)
    }),
  )
  return found.flat().filter((it) => /\.ts$/.test(it) && !/\/(node_modules|dist)\//.test(it))
}

if (argv[1] === import.meta.filename) {
  const faults = await importFaults(join(import.meta.dirname, '..'))
  for (const fault of faults) console.log(fault)
  process.exitCode = faults.length === 0 ? 0 : 1
}
