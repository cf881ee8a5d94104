/** A package of a lockfile. */
export interface LicensedPackage {
  name: string
  version: string
  licence: string
}

interface Locked {
  version?: string
  license?: string
  link?: boolean
  resolved?: string
  dependencies?: Record<string, string>
  optionalDependencies?: Record<string, string>
}

type Lockfile = Record<string, Locked>

/** The packages that a server needs: the starter's dependencies and theirs, for every platform. */
export function licensedPackages(lockfile: string): LicensedPackage[] {
  const { packages } = JSON.parse(lockfile) as { packages: Lockfile }
  const paths = new Set<string>()
  reach(packages, 'starter', paths)
  const found = [...paths]
    .filter((path) => path.includes('node_modules/') && !packages[path]?.link)
    .map((path): LicensedPackage => {
      const { version = 'none', license: licence = 'none' } = packages[path] ?? {}
      return { name: nameOf(path), version, licence }
    })
  if (found.length === 0) throw new Error('the lockfile installs nothing for a server')
  return found.sort((a, b) => (`${a.name} ${a.version}` < `${b.name} ${b.version}` ? -1 : 1))
}

/** docs/licences.md: the packages by licence. */
export function licencesPage(lockfile: string): string {
  const packages = licensedPackages(lockfile)
  const licences = [...new Set(packages.map(({ licence }) => licence))].sort()
  const rows = licences.map((licence) => {
    const those = packages.filter((it) => it.licence === licence)
    const names = new Set(those.map(({ name, version }) => `${name} ${version}`))
    return `| ${licence} | ${[...names].join(', ')} |`
  })
  return `# Licences

The packages that a server runs on, beyond this repository, which is under MIT. Written by \`npm run generate\` from
package-lock.json; \`npm run check -- licences\` rejects any licence that scripts/licences.ts does not list.
\`npm run sbom\` prints all installed packages, as CycloneDX.

| licence | packages |
|---|---|
${rows.join('\n')}
`
}

// Optional peers are left out: an app that wants one depends on it.
function reach(packages: Lockfile, path: string, paths: Set<string>): void {
  if (paths.has(path)) return
  paths.add(path)
  const locked = packages[path]
  const it = locked?.link ? packages[locked.resolved ?? ''] : locked
  for (const name of Object.keys({ ...it?.dependencies, ...it?.optionalDependencies })) {
    const found = installed(packages, path, name)
    if (found !== undefined) reach(packages, found, paths)
  }
}

/** The place where Node finds a package from another one: beside it, or further up. */
function installed(packages: Lockfile, from: string, name: string): string | undefined {
  for (let folder = from; ; folder = parentOf(folder)) {
    const path = folder === '' ? `node_modules/${name}` : `${folder}/node_modules/${name}`
    if (path in packages) return path
    if (folder === '') return undefined
  }
}

function parentOf(path: string): string {
  const at = path.lastIndexOf('/node_modules/')
  return at === -1 ? '' : path.slice(0, at)
}

function nameOf(path: string): string {
  return path.split('node_modules/').at(-1) ?? ''
}
