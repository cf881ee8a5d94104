import { execFile } from 'node:child_process'
import { cp, mkdir, readdir, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const root = join(import.meta.dirname, '..')

/** The kernel's folder in this checkout. */
export const kernelFolder = join(root, 'packages/server')

/** Builds and packs the kernel as for npm. Returns the path of the tarball. */
export async function packKernel(destination: string): Promise<string> {
  await run('npm', ['run', '--silent', 'build'], { cwd: kernelFolder })
  await run('npm', ['pack', '--ignore-scripts', '--pack-destination', destination], {
    cwd: kernelFolder,
  })
  const [name] = await readdir(destination)
  if (name === undefined) throw new Error('npm pack wrote nothing')
  return join(destination, name)
}

/** A copy of the starter with `tenantry` from the pack and all other packages as installed here. */
export async function newStarter(parent: string, tarball: string): Promise<string> {
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
