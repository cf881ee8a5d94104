// Keeps what a release promises under released/<version>: the kernel's migrations and the API. Tests
// upgrade a database from there, and checks compare with it. Run it once for each release, as the last
// step before publishing: `npm run release:snapshot`.
import { execFileSync } from 'node:child_process'
import { cp, mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'

const root = process.cwd()
const { version }: { version: string } = JSON.parse(
  await readFile(join(root, 'packages/server/package.json'), 'utf8'),
)
const tag = execFileSync('git', ['tag', '--list', `v${version}`], { encoding: 'utf8' })
if (tag.trim() !== '') throw new Error(`${version} is released: give the next one its number first`)

const folder = join(root, 'released', version)
await rm(folder, { recursive: true, force: true })
await mkdir(folder, { recursive: true })
await cp(join(root, 'packages/server/migrations'), join(folder, 'kernel'), { recursive: true })
await cp(join(root, 'starter/openapi.json'), join(folder, 'openapi.json'))
console.log(`released/${version}`)
