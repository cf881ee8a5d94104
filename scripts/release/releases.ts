import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { rcompare, valid } from 'semver'

/** The newest version under `released/`. */
export async function latestRelease(root: string): Promise<string> {
  const names = await readdir(join(root, 'released'))
  const [latest] = names.filter((it) => valid(it)).sort(rcompare)
  if (latest === undefined) throw new Error('nothing in released/: run npm run release:snapshot')
  return latest
}
