// Compares the starter's API with the last released one. A change that breaks a client needs a line
// marked **Breaking** in CHANGELOG's Unreleased section that names the operation.
// Usage: tsx scripts/api.ts [folder]
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { breakingChanges, unmarked } from './api/api_changes.ts'
import { latestRelease } from './release/releases.ts'

const root = process.argv[2] ?? process.cwd()
const read = (path: string) => readFile(join(root, path), 'utf8')

const version = await latestRelease(root)
const released = JSON.parse(await read(`released/${version}/openapi.json`))
const breaks = breakingChanges(released, JSON.parse(await read('starter/openapi.json')))
for (const { operation, what } of unmarked(breaks, await read('CHANGELOG.md'))) {
  console.log(
    `${operation}: ${what} since ${version} -- keep it as it was, or add to CHANGELOG.md under ` +
      `[Unreleased]: - **Breaking** \`${operation}\` ...`,
  )
  process.exitCode = 1
}
