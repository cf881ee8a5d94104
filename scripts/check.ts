// Runs the static checks: `npm run check` all of them, `npm run check -- lint types` those two.
import { spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { delimiter, join } from 'node:path'
import { checks } from './checks.ts'

interface Result {
  name: string
  passed: boolean
  output: string
}

const root = join(import.meta.dirname, '..')
const binaries = join(root, 'node_modules/.bin')
const env = { ...process.env, NO_COLOR: '1', PATH: `${binaries}${delimiter}${process.env['PATH']}` }

const chosen = process.argv.slice(2)
const unknown = chosen.filter((name) => !(name in checks))
if (unknown.length > 0) {
  console.error(
    `no check is called ${unknown.join(', ')}; there are: ${Object.keys(checks).join(', ')}`,
  )
  process.exit(1)
}

const waiting = chosen.length > 0 ? chosen : Object.keys(checks)
const failed = (await Promise.all(Array.from({ length: availableParallelism() }, work)))
  .flat()
  .filter((it) => !it.passed)
for (const { name, output } of failed)
  console.log(`\n--- ${name}: ${checks[name]}\n${output.trim()}`)
if (failed.length > 0) {
  console.log(`\ncheck failed: ${failed.map((it) => it.name).join(', ')}`)
  process.exitCode = 1
}

async function work(): Promise<Result[]> {
  const results: Result[] = []
  for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
    results.push(await run(name, checks[name] ?? ''))
  }
  return results
}

function run(name: string, command: string): Promise<Result> {
  const startedAt = performance.now()
  return new Promise((resolve) => {
    const child = spawn(command, { cwd: root, env, shell: true, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    child.stdout.on('data', (chunk) => {
      output += chunk
    })
    child.stderr.on('data', (chunk) => {
      output += chunk
    })
    child.on('close', (code) => {
      const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
      console.log(`${code === 0 ? 'ok  ' : 'FAIL'} ${name.padEnd(11)} ${seconds.padStart(5)} s`)
      resolve({ name, passed: code === 0, output })
    })
  })
}
