import { execFile } from 'node:child_process'
import { chmod, cp, mkdir, mkdtemp, readdir, rename, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const BASE = 'docker.io/library/node:24-slim'

// What the steps of the Dockerfile and Node.js need of Debian.
const PACKAGES = ['libc6', 'libgcc-s1', 'libstdc++6', 'dash', 'coreutils', 'findutils']
const LIBRARIES = ['libselinux1', 'libpcre2-8-0', 'libacl1', 'libattr1', 'libgmp10']
const CERTIFICATES = '/etc/ssl/certs/ca-certificates.crt'

/**
 * Builds the image of the Dockerfile by buildah, without a daemon and without Docker's registry: the base is
 * made of this Debian's packages, and of Node 24 and npm from npm's registry. Returns the image's name;
 * undefined where there is no buildah.
 */
export async function buildImage(root: string, parent: string): Promise<string | undefined> {
  if (!(await hasBuildah())) {
    console.log('no buildah: the image is not built (apt-get install buildah)')
    return undefined
  }
  const folder = await mkdtemp(join(parent, 'base-'))
  await makeBase(folder)
  const image = 'localhost/tenantry-deploy-test'
  const deploy = join(root, 'starter/deploy')
  await buildah(
    'build',
    '--isolation=chroot',
    // With OCI's format there is no health check.
    '--format=docker',
    '--pull-never',
    `--ignorefile=${deploy}/Dockerfile.dockerignore`,
    `--file=${deploy}/Dockerfile`,
    `--tag=${image}`,
    root,
  )
  return image
}

/** Removes what buildImage left in buildah's store. */
export async function removeImages(image: string): Promise<void> {
  await buildah('rmi', '--force', image, BASE)
}

async function hasBuildah(): Promise<boolean> {
  return run('buildah', ['--version']).then(
    () => true,
    () => false,
  )
}

async function makeBase(folder: string): Promise<void> {
  const files = join(folder, 'files')
  await mkdir(files)
  await Promise.all([addDebian(folder, files), addNode(folder, files)])
  await addUser(files)
  const { stdout } = await buildah('from', 'scratch')
  const container = stdout.trim()
  await buildah('add', container, files, '/')
  const env = `NODE_EXTRA_CA_CERTS=${CERTIFICATES}`
  await buildah('config', '--env', 'PATH=/usr/local/bin:/usr/bin:/bin', '--env', env, container)
  await buildah('commit', '--format=docker', '--rm', container, BASE)
}

async function addDebian(folder: string, files: string): Promise<void> {
  const debs = join(folder, 'debs')
  await mkdir(debs)
  await run('apt-get', ['download', ...PACKAGES, ...LIBRARIES], { cwd: debs })
  for (const name of await readdir(debs)) await run('dpkg', ['-x', join(debs, name), files])
  await mkdir(join(files, 'etc/ssl/certs'), { recursive: true })
  await cp(CERTIFICATES, join(files, CERTIFICATES))
}

async function addNode(folder: string, files: string): Promise<void> {
  const local = join(files, 'usr/local')
  const bin = join(local, 'bin')
  await mkdir(bin, { recursive: true })
  await mkdir(join(local, 'lib/node_modules'), { recursive: true })
  const node = await fetchPackage(folder, `node-linux-${process.arch}@24`)
  await rename(join(node, 'bin/node'), join(bin, 'node'))
  await rename(await fetchPackage(folder, 'npm@11'), join(local, 'lib/node_modules/npm'))
  for (const name of ['npm', 'npx'])
    await symlink(`../lib/node_modules/npm/bin/${name}-cli.js`, join(bin, name))
}

async function fetchPackage(folder: string, name: string): Promise<string> {
  const place = await mkdtemp(join(folder, 'package-'))
  const { stdout } = await run('npm', ['pack', '--silent', '--pack-destination', place, name])
  await run('tar', ['-xzf', join(place, stdout.trim().split('\n').at(-1) ?? ''), '-C', place])
  return join(place, 'package')
}

/** The user `node`, as Node's own image has it, and a folder for temporary files. */
async function addUser(files: string): Promise<void> {
  await writeFile(
    join(files, 'etc/passwd'),
    'root:x:0:0:root:/root:/bin/sh\nnode:x:1000:1000::/home/node:/bin/sh\n',
  )
  await writeFile(join(files, 'etc/group'), 'root:x:0:\nnode:x:1000:\n')
  await mkdir(join(files, 'root'))
  await mkdir(join(files, 'tmp'))
  await chmod(join(files, 'tmp'), 0o1777)
}

async function buildah(...args: string[]) {
  try {
    return await run('buildah', args, { maxBuffer: 64 * 1024 * 1024 })
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string }
    throw new Error(`buildah ${args[0]} failed:\n${stdout}\n${stderr}`, { cause: error })
  }
}
