/** @typedef {{ path: string, imports: readonly string[] }} ImportingFile */

/**
 * Cycles between the folders directly under the kernel's src. They can exist where no two files import
 * each other. A sub-folder counts as its parent; tests may import anything. One cycle for each folder at
 * most.
 * @param {readonly ImportingFile[]} files
 * @returns {string[][]}
 */
export function folderCycles(files) {
  const imports = folderImports(files)
  const cycles = [...imports.keys()].map((it) => pathBetween(imports, it, it))
  return cycles.filter((it) => it !== undefined)
}

/** @param {readonly ImportingFile[]} files */
function folderImports(files) {
  /** @type {Map<string, Set<string>>} */
  const imports = new Map()
  for (const { path, imports: imported } of files) {
    const from = kernelFolder(path)
    if (from === undefined || path.endsWith('.test.ts')) continue
    const seen = imports.get(from) ?? new Set()
    imports.set(from, seen)
    for (const to of imported.map(kernelFolder)) {
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
