#!/usr/bin/env node
const [major, minor] = process.versions.node.split('.').map(Number)
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`create-tenantry: Node ${process.versions.node} is too old: install 20.19 or later`)
  process.exit(1)
}

const { run } = await import(new URL('../dist/main.js', import.meta.url).href)
process.exitCode = run(process.argv.slice(2))
