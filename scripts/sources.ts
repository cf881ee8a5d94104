import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

export interface Source {
  /** From the repository's root, with slashes. */
  path: string
  text: string
}

/** Folders whose files npm, a build or a running server wrote. */
const foreign = new Set(['node_modules', 'dist', 'coverage', '.data', '.git'])

/** The files in these folders whose path matches, in order. `.` is the whole repository. */
export async function readSources(
  root: string,
  folders: readonly string[],
  matching: RegExp,
): Promise<Source[]> {
  const found = await Promise.all(folders.map((folder) => filesIn(root, folder)))
  const paths = found.flat().filter((path) => matching.test(path))
  // A check that reads no file finds no fault, and would pass.
  if (paths.length === 0) throw new Error(`no files in ${folders.join(', ')} match ${matching}`)
  return Promise.all(
    paths.sort().map(async (path) => ({ path, text: await readFile(join(root, path), 'utf8') })),
  )
}

/** Is this file written by `npm run generate`, not by hand? */
export function isGenerated(path: string): boolean {
  return /\/(tables\.ts|kernel_api\.ts|api\.d\.ts)$/.test(path)
}

export function isTest(path: string): boolean {
  return path.endsWith('.test.ts')
}

async function filesIn(root: string, folder: string): Promise<string[]> {
  const entries = await readdir(join(root, folder), { withFileTypes: true })
  const below = entries.map((entry) => {
    const path = folder === '.' ? entry.name : `${folder}/${entry.name}`
    if (!entry.isDirectory()) return [path]
    return foreign.has(entry.name) ? [] : filesIn(root, path)
  })
  return (await Promise.all(below)).flat()
}
