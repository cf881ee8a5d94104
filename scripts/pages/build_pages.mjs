// Builds the pages, so that `npm ci && npm start` serves them: npm runs it after an installation. It is
// JavaScript, because no loader is needed for it.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'

const root = join(import.meta.dirname, '../..')
const tools = ['typescript', 'vite', 'react'].map((it) => join(root, 'node_modules', it))

// An installation for production has no tools, and gets its pages from a package or an image.
if (tools.every((it) => existsSync(it))) {
  for (const folder of ['packages/client', 'packages/web', 'starter']) build(folder)
}

/** @param {string} folder */
function build(folder) {
  // A test runner sets another one, with which React builds its development version.
  const env = { ...process.env, NODE_ENV: 'production' }
  const options = { cwd: join(root, folder), env, shell: process.platform === 'win32' }
  const { status, stdout, stderr } = spawnSync('npm', ['run', '--silent', 'build'], options)
  if (status === 0) return
  process.stderr.write(`${stdout}${stderr}the pages of ${folder} could not be built\n`)
  process.exit(1)
}
