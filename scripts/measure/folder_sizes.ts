import { dirname } from 'node:path/posix'
import type { Report } from './report.ts'

const MAX_FILES = 16
const MAX_LOOSE = 4
const kernel = 'packages/server/src'

/** Counts the files directly in each folder. */
export function folderSizes(paths: readonly string[]): Report {
  const sizes = new Map<string, number>()
  for (const folder of paths.map((it) => dirname(it))) {
    sizes.set(folder, (sizes.get(folder) ?? 0) + 1)
  }
  const [largest = '', size = 0] = [...sizes].sort(([, a], [, b]) => b - a)[0] ?? []
  const loose = sizes.get(kernel) ?? 0
  return {
    line: `${sizes.size} folders: the largest is ${largest} with ${size} files`,
    faults: [
      ...[...sizes]
        .filter(([, files]) => files > MAX_FILES)
        .map(([folder, files]) => `${folder}: ${files} files; a folder has at most ${MAX_FILES}`),
      ...(loose > MAX_LOOSE
        ? [`${kernel}: ${loose} loose files; at most ${MAX_LOOSE}, the rest has a folder`]
        : []),
    ],
  }
}
