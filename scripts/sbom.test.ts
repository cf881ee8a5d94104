import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { licensedPackages } from './generate/licensed_packages.ts'

interface Component {
  name: string
  version: string
  purl: string
  hashes?: { alg: string }[]
}

const root = join(import.meta.dirname, '..')

test('OPS-11 the bill of materials names each package that a server runs on, sealed', {
  timeout: 120_000,
}, () => {
  const printed = execFileSync('npm', ['run', '--silent', 'sbom'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  })
  const { bomFormat, specVersion, components } = JSON.parse(printed)
  expect([bomFormat, specVersion]).toEqual(['CycloneDX', '1.5'])
  const listed = new Map(
    components.map((it: Component) => [`${it.name} ${it.version}`, it] as const),
  ) as Map<string, Component>
  const lockfile = readFileSync(join(root, 'package-lock.json'), 'utf8')
  const here = licensedPackages(lockfile).filter(({ name }) => isInstalled(name))
  expect(here.length).toBeGreaterThan(80)
  for (const { name, version } of here) {
    const component = listed.get(`${name} ${version}`)
    expect([name, component?.purl]).toEqual([name, expect.stringMatching(/^pkg:npm\//)])
    expect([name, component?.hashes?.[0]?.alg]).toEqual([name, 'SHA-512'])
  }
})

// Packages for other platforms are in the lockfile only.
function isInstalled(name: string): boolean {
  try {
    return readFileSync(join(root, 'node_modules', name, 'package.json')).length > 0
  } catch {
    return false
  }
}
