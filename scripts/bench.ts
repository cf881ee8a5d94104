// Installs what only the benchmark needs, compiles the benchmark and starts it.
// Usage: see bench/src/main.ts
import { execFileSync } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')

if (!isInstalled()) {
  execFileSync('npm', ['ci', '--prefix', 'bench', '--no-audit', '--no-fund'], {
    cwd: root,
    stdio: 'inherit',
  })
}
const compiler = join(root, 'node_modules/typescript/bin/tsc')
execFileSync(process.execPath, [compiler, '-p', 'bench/tsconfig.json'], {
  cwd: root,
  stdio: 'inherit',
})
await import('../bench/src/main.ts')

function isInstalled(): boolean {
  const installed = join(root, 'bench/node_modules/.package-lock.json')
  if (!existsSync(installed)) return false
  return statSync(installed).mtimeMs >= statSync(join(root, 'bench/package-lock.json')).mtimeMs
}
