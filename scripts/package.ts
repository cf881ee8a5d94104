// Tests the kernel's npm package: packs it and installs the pack in a copy of the starter that sees
// none of this checkout's sources. That app must compile, pass a test and have a CLI.
import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { kernelFolder, newStarter, packKernel } from './packed_starter.ts'

const run = promisify(execFile)

const manifest: { bin: { tenantry: string } } = JSON.parse(
  await readFile(join(kernelFolder, 'package.json'), 'utf8'),
)

const folder = await mkdtemp(join(tmpdir(), 'tenantry-package-'))
try {
  const tarball = await packKernel(folder)
  await lint(tarball)
  const app = await newStarter(folder, tarball)
  const node = (...args: string[]) => run(process.execPath, args, { cwd: app })
  await node('node_modules/typescript/bin/tsc')
  await node('node_modules/vitest/vitest.mjs', 'run', 'src/projects')
  await node(join('node_modules/tenantry', manifest.bin.tenantry), '--help')
} catch (error) {
  // A failed command explains itself on stdout.
  const { message, stdout = '' } = error as Error & { stdout?: string }
  console.log(`${message}\n${stdout}`)
  process.exitCode = 1
} finally {
  await rm(folder, { recursive: true, force: true })
}

async function lint(tarball: string): Promise<void> {
  const { buffer } = new Uint8Array(await readFile(tarball))
  const { messages, pkg } = await publint({ pack: { tarball: buffer }, strict: true })
  const packed = (await run('tar', ['-tzf', tarball])).stdout.split('\n')
  const read = ['migrations', 'templates/resource'].map(filesIn)
  const faults = [
    ...messages.map((it) => formatMessage(it, pkg, { color: false }) ?? it.code),
    ...packed
      .filter((it) => /\.test\.|(?<!\.d)\.ts$/.test(it))
      .map((it) => `${it} is for this repository only`),
    ...(await Promise.all(read))
      .flat()
      .filter((it) => !packed.includes(`package/${it}`))
      .map((it) => `${it} is missing`),
  ]
  if (faults.length > 0) throw new Error(`not fit to be published:\n  ${faults.join('\n  ')}`)
}

async function filesIn(folder: string): Promise<string[]> {
  return (await readdir(join(kernelFolder, folder))).map((it) => `${folder}/${it}`)
}
