// Checks the imports against .dependency-cruiser.mjs and the order of folders in ARCHITECTURE.md. It is JavaScript because under tsx the cruiser
// loses its parser for TypeScript. Usage: node scripts/imports.mjs [folder]
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { argv, cwd } from 'node:process'
import { cruise } from 'dependency-cruiser'
import extractDepcruiseOptions from 'dependency-cruiser/config-utl/extract-depcruise-options'
import { folderOrder, importsUpwards } from './folder_order.mjs'

const rules = join(import.meta.dirname, '../.dependency-cruiser.mjs')
const architecture = join(import.meta.dirname, '../ARCHITECTURE.md')
const roots = ['packages', 'starter', 'scripts']

const folder = argv[2] ?? cwd()
const { modules, summary } = await cruiseSources()
const order = folderOrder(await readFile(architecture, 'utf8'))
const seen = new Set(modules.map((it) => it.source))
const unseen = (await sourcePaths()).filter((it) => !seen.has(it))
const faults = [
  ...summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} -> ${to}`),
  ...importsUpwards(modules.map(importsOf), order).map((it) => `downwards: ${it}`),
  ...unseen.map((it) => `not checked: ${it}`),
  // A cruiser that cannot read TypeScript finds no import and no fault.
  ...(summary.totalDependenciesCruised ? [] : ['no import was found']),
]
for (const fault of faults) console.log(fault)
process.exitCode = faults.length === 0 ? 0 : 1

async function cruiseSources() {
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

/** @param {import('dependency-cruiser').IModule} module */
function importsOf({ source, dependencies }) {
  return { path: source, imports: dependencies.map((it) => it.resolved) }
}

async function sourcePaths() {
  const found = await Promise.all(
    roots.map(async (root) => {
      const names = await readdir(join(folder, root), { recursive: true })
      return names.map((name) => `${root}/${name.replaceAll('\\', '/')}`)
    }),
  )
  return found
    .flat()
    .filter((it) => /\.ts$/.test(it) && !/\/(node_modules|dist)\/|\/web\//.test(it))
}
