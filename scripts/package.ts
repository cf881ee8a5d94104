// The kernel as npm gets it: packs it and installs the pack in a copy of the starter, which then has
// none of this checkout's sources. That app must compile, pass a test and have a CLI.
import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'

const run = promisify(execFile)
const root = join(import.meta.dirname, '..')
const kernel = join(root, 'packages/server')

const manifest: { bin: { tenantry: string } } = JSON.parse(
  await readFile(join(kernel, 'package.json'), 'utf8'),
)

const folder = await mkdtemp(join(tmpdir(), 'tenantry-package-'))
try {
  const tarball = await pack(folder)
  await lint(tarball)
  const app = await newApp(folder, tarball)
  const node = (...args: string[]) => run(process.execPath, args, { cwd: app })
  await node('node_modules/typescript/bin/tsc')
  await node('node_modules/vitest/vitest.mjs', 'run', 'src/projects')
  await node(join('node_modules/tenantry', manifest.bin.tenantry), '--help')
} catch (error) {
  // A failed command says on its stdout why.
  const { message, stdout = '' } = error as Error & { stdout?: string }
  console.log(`${message}\n${stdout}`)
  process.exitCode = 1
} finally {
  await rm(folder, { recursive: true, force: true })
}

async function pack(destination: string): Promise<string> {
  await run('npm', ['run', '--silent', 'build'], { cwd: kernel })
  await run('npm', ['pack', '--ignore-scripts', '--pack-destination', destination], { cwd: kernel })
  const [name] = await readdir(destination)
  if (name === undefined) throw new Error('npm pack wrote nothing')
  return join(destination, name)
}

async function lint(tarball: string): Promise<void> {
  const { buffer } = new Uint8Array(await readFile(tarball))
  const { messages, pkg } = await publint({ pack: { tarball: buffer }, strict: true })
  const packed = (await run('tar', ['-tzf', tarball])).stdout.split('\n')
  const migrations = await readdir(join(kernel, 'migrations'))
  const faults = [
    ...messages.map((it) => formatMessage(it, pkg, { color: false }) ?? it.code),
    ...packed
      .filter((it) => /\.test\.|(?<!\.d)\.ts$/.test(it))
      .map((it) => `${it} is for this repository only`),
    ...migrations
      .filter((it) => !packed.includes(`package/migrations/${it}`))
      .map((it) => `migrations/${it} is missing`),
  ]
  if (faults.length > 0) throw new Error(`not fit to be published:\n  ${faults.join('\n  ')}`)
}

/** The starter with `tenantry` from the pack, and everything else as it is installed here. */
async function newApp(parent: string, tarball: string): Promise<string> {
  const app = join(parent, 'app')
  const modules = join(app, 'node_modules')
  await cp(join(root, 'starter'), app, {
    recursive: true,
    filter: (path) => !/[\\/](node_modules|\.data)([\\/]|$)/.test(path.slice(root.length)),
  })
  await mkdir(join(modules, 'tenantry'), { recursive: true })
  const installed = (await readdir(join(root, 'node_modules'))).filter(
    (name) => !['tenantry', 'starter', '.bin'].includes(name),
  )
  await Promise.all(
    installed.map((name) => symlink(join(root, 'node_modules', name), join(modules, name))),
  )
  await run('tar', ['-xzf', tarball, '--strip-components=1', '-C', join(modules, 'tenantry')])
  return app
}
