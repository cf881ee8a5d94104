import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

export interface Source {
  /** From the repository's root, with slashes. */
  path: string
  text: string
}

/** The files in these folders whose path matches, in order. What npm or the build wrote is left out. */
export async function readSources(
  root: string,
  folders: readonly string[],
  matching: RegExp,
): Promise<Source[]> {
  const found = await Promise.all(folders.map((folder) => filesIn(root, folder)))
  const paths = found
    .flat()
    .filter((path) => matching.test(path) && !/\/(node_modules|dist)\//.test(path))
  // A check that looks at nothing finds nothing, and would say that all is well.
  if (paths.length === 0) throw new Error(`no files in ${folders.join(', ')} match ${matching}`)
  return Promise.all(
    paths.sort().map(async (path) => ({ path, text: await readFile(join(root, path), 'utf8') })),
  )
}

/** Is this written by `npm run generate`, not by hand? */
export function isGenerated(path: string): boolean {
  return path.endsWith('/tables.ts')
}

export function isTest(path: string): boolean {
  return path.endsWith('.test.ts')
}

async function filesIn(root: string, folder: string): Promise<string[]> {
  const entries = await readdir(join(root, folder), { recursive: true })
  return entries.map((entry) => `${folder}/${entry.replaceAll('\\', '/')}`)
}
