#!/usr/bin/env node
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const [major, minor] = process.versions.node.split('.').map(Number)
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`tenantry: Node ${process.versions.node} is too old: install 20.19 or later`)
  process.exit(1)
}

const here = (path) => new URL(path, import.meta.url)

try {
  // A checkout runs from its sources; a package brings what was built from them, and no sources.
  if (existsSync(here('../src/cli/main.ts'))) {
    const { register } = await import('tsx/esm/api')
    register({ tsconfig: fileURLToPath(here('../../../tsconfig.json')) })
  }
  const main = existsSync(here('../src/cli/main.ts')) ? '../src/cli/main.ts' : '../dist/cli/main.js'
  const { run } = await import(here(main).href)
  await run(process.argv.slice(2))
} catch (error) {
  // Node.js opens the files of all modules at the same time.
  if (error.code !== 'EMFILE') throw error
  console.error('tenantry: too few open files are allowed: run ulimit -n 1024 first, or allow more')
  process.exit(1)
}
