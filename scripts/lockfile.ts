// Checks what `npm ci` installs: registry packages, sealed by a hash, that run on every supported Node.
// lockfile-lint checks where a package comes from; this script checks the rest.
// Usage: tsx scripts/lockfile.ts [folder]
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import semver from 'semver'

interface Package {
  version?: string
  link?: boolean
  optional?: boolean
  integrity?: string
  inBundle?: boolean
  hasInstallScript?: boolean
  engines?: { node?: string } | string[]
  dependencies?: Record<string, string>
  optionalDependencies?: Record<string, string>
  devDependencies?: Record<string, string>
}

// The lowest version that package.json's `engines` allow, and the newest that is tested.
const nodes = ['20.19.0', '24.0.0']

// Earlier versions have known vulnerabilities; `npm audit` knows more of them, with network access.
const floors: Record<string, { version: string; why: string }> = {
  'brace-expansion': { version: '2.0.2', why: 'CVE-2025-5889' },
  cookie: { version: '0.7.0', why: 'CVE-2024-47764' },
  esbuild: { version: '0.25.0', why: 'GHSA-67mh-4wv8-2f99' },
  fastify: { version: '5.12.8', why: 'CVE-2026-3635, CVE-2026-16732, CVE-2026-25223' },
  glob: { version: '11.1.0', why: 'CVE-2025-64756' },
  nodemailer: { version: '7.0.7', why: 'GHSA-mm7p-fcc7-pg87' },
  pg: { version: '8.23.1', why: 'pipelining as db/ needs it' },
}

const folder = process.argv[2] ?? process.cwd()
const manifest = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as {
  allowScripts?: Record<string, boolean>
}
const lockfile = await readFile(join(folder, 'package-lock.json'), 'utf8')
const { packages } = JSON.parse(lockfile) as { packages: Record<string, Package> }
const names = new Set(Object.keys(packages).map((path) => path.split('node_modules/').at(-1)))
const faults = Object.entries(packages).flatMap(([path, it]) =>
  path.includes('node_modules/') ? installedFaults(path, it) : ownFaults(path || 'the root', it),
)
for (const fault of faults) console.log(fault)
process.exitCode = faults.length === 0 ? 0 : 1

function installedFaults(path: string, it: Package): string[] {
  if (it.link) return []
  const range = (Array.isArray(it.engines) ? undefined : it.engines?.node) ?? '*'
  // A lockfile that was written where other platforms' packages were not available lacks them, and
  // `npm ci` then rejects it as out of date on every platform.
  const missing = Object.keys(it.optionalDependencies ?? {}).filter((name) => !names.has(name))
  const refusing = it.optional ? [] : nodes.filter((node) => !semver.satisfies(node, range))
  return [
    // What is bundled is sealed by the hash of the package that contains it.
    ...(it.inBundle || it.integrity?.startsWith('sha512-')
      ? []
      : [`${path} has no sha512 integrity`]),
    ...missing.map((name) => `${path} has ${name} for another platform, which is not listed`),
    ...belowFloor(path, it),
    ...scriptFaults(path, it),
    ...refusing.map((node) => `${path} wants Node ${range}, which ${node} is not`),
  ]
}

// No package runs code while it is installed; allowScripts denies each install script by name.
function scriptFaults(path: string, { hasInstallScript }: Package): string[] {
  const name = path.split('node_modules/').at(-1) ?? ''
  if (!hasInstallScript || manifest.allowScripts?.[name] === false) return []
  return [`${path} has an install script: see that it works without, and deny it in allowScripts`]
}

function belowFloor(path: string, { version = '' }: Package): string[] {
  const floor = floors[path.split('node_modules/').at(-1) ?? '']
  if (floor === undefined || !semver.lt(version, floor.version)) return []
  return [`${path} is ${version}: take ${floor.version} or later (${floor.why})`]
}

/** Exact versions: an installation without the lockfile gets the tested versions. */
function ownFaults(path: string, it: Package): string[] {
  return Object.entries({ ...it.dependencies, ...it.devDependencies })
    .filter(([, version]) => semver.valid(version) === null)
    .map(([name, version]) => `${path} depends on ${name} "${version}"; write an exact version`)
}
