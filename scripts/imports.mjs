// Holds the imports against .dependency-cruiser.mjs. JavaScript, because under tsx the cruiser loses
// its parser for TypeScript. Usage: node scripts/imports.mjs [folder]
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { argv, cwd } from 'node:process'
import { cruise } from 'dependency-cruiser'
import extractDepcruiseOptions from 'dependency-cruiser/config-utl/extract-depcruise-options'

const rules = join(import.meta.dirname, '../.dependency-cruiser.mjs')
const roots = ['packages', 'starter', 'scripts']

const folder = argv[2] ?? cwd()
const { modules, summary } = await cruiseSources()
const seen = new Set(modules.map((it) => it.source))
const unseen = (await sourcePaths()).filter((it) => !seen.has(it))
const faults = [
  ...summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} -> ${to}`),
  ...folderCycles(modules).map((it) => `no-folder-cycles: ${it.join(' -> ')}`),
  ...unseen.map((it) => `not looked at: ${it}`),
  // A cruiser that cannot read TypeScript finds nothing, and says that all is well.
  ...(summary.totalDependenciesCruised ? [] : ['not one import was seen']),
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

/**
 * Cycles between the folders directly under the kernel's src, of which no two files need be in one.
 * A sub-folder counts to its parent; tests may import anything. One cycle for each folder at most.
 * @param {import('dependency-cruiser').IModule[]} modules
 */
function folderCycles(modules) {
  const imports = folderImports(modules)
  const cycles = [...imports.keys()].map((it) => pathBetween(imports, it, it))
  return cycles.filter((it) => it !== undefined)
}

/** @param {import('dependency-cruiser').IModule[]} modules */
function folderImports(modules) {
  /** @type {Map<string, Set<string>>} */
  const imports = new Map()
  for (const { source, dependencies } of modules) {
    const from = kernelFolder(source)
    if (from === undefined || source.endsWith('.test.ts')) continue
    const seen = imports.get(from) ?? new Set()
    imports.set(from, seen)
    for (const { resolved } of dependencies) {
      const to = kernelFolder(resolved)
      if (to !== undefined && to !== from) seen.add(to)
    }
  }
  return imports
}

/** @param {string} path */
function kernelFolder(path) {
  return /^packages\/server\/src\/([^/]+)\//.exec(path)?.[1]
}

/**
 * The shortest way from one folder to another by imports, both ends included.
 * @param {Map<string, Set<string>>} imports
 * @param {string} from
 * @param {string} to
 */
function pathBetween(imports, from, to) {
  const paths = [[from]]
  const seen = new Set()
  for (const path of paths) {
    for (const next of imports.get(path.at(-1) ?? '') ?? []) {
      if (next === to) return [...path, next]
      if (!seen.has(next)) paths.push([...path, next])
      seen.add(next)
    }
  }
  return undefined
}

async function sourcePaths() {
  const found = await Promise.all(
    roots.map(async (root) => {
      const names = await readdir(join(folder, root), { recursive: true })
      return names.map((name) => `${root}/${name.replaceAll('\\', '/')}`)
    }),
  )
  return found.flat().filter((it) => /\.ts$/.test(it) && !/\/(node_modules|dist)\//.test(it))
}
