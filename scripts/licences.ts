// Checks that every package of a server is under a licence of the list below.
// Usage: tsx scripts/licences.ts [folder]; `npm run generate` writes docs/licences.md.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { licensedPackages } from './generate/licensed_packages.ts'

// Each permits running, changing and selling a work that contains the package; at most it asks for a notice.
const allowed = new Set([
  'MIT',
  'MIT-0',
  'ISC',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'Apache-2.0',
  'BlueOak-1.0.0',
  '0BSD',
])

const folder = process.argv[2] ?? process.cwd()
const packages = licensedPackages(await readFile(join(folder, 'package-lock.json'), 'utf8'))
const faults = packages.filter(({ licence }) => !isAllowed(licence))
for (const { name, version, licence } of faults) {
  console.log(`${name} ${version} is under "${licence}", which scripts/licences.ts does not allow`)
}
process.exitCode = faults.length === 0 ? 0 : 1

/** "(MIT OR CC0-1.0)" offers a choice: one allowed licence is enough. */
function isAllowed(licence: string): boolean {
  return licence
    .replaceAll(/[()]/g, '')
    .split(' OR ')
    .some((it) => it.split(' AND ').every((part) => allowed.has(part)))
}
