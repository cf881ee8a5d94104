// Makes dist/template from the starter when the package is packed, so that there is one source. Leaves out
// what serves this repository only; packing fails if the starter no longer contains what is cut.
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'

const root = join(import.meta.dirname, '../../..')
const template = join(import.meta.dirname, '../dist/template')
const starter = join(root, 'starter')

/** The packages of this repository that an app may depend on, by name. */
const ownPackages = {
  tenantry: 'server',
  'tenantry-client': 'client',
  'tenantry-codegen': 'codegen',
  'tenantry-web': 'web',
}

await rm(template, { recursive: true, force: true })
await cp(starter, template, {
  recursive: true,
  filter: (path) =>
    !/[\\/](node_modules|\.data|coverage|dist|(dns)?\.env(?!\.example)[^\\/]*)$/.test(
      path.slice(starter.length),
    ),
})
await cp(join(import.meta.dirname, '../files'), template, { recursive: true })

await change('package.json', async (text) => {
  const { name: _name, license: _license, ...manifest } = JSON.parse(text)
  for (const dependencies of [manifest.dependencies, manifest.devDependencies]) {
    for (const [name, folder] of Object.entries(ownPackages)) {
      if (name in dependencies) dependencies[name] = await versionOf(folder)
    }
  }
  manifest.allowScripts = await deniedScripts()
  return `${JSON.stringify(manifest, null, 2)}\n`
})
// In a new app `tenantry` is in node_modules.
await change('tsconfig.json', (text) =>
  cut(text, /,\s*\/\/ In the kernel's repository[\s\S]*?"paths": \{[^}]*\}/),
)
await change('vitest.config.ts', (text) =>
  cut(text, /^ *\/\/ In the kernel's repository.*\n *resolve: .*\n/m),
)
// The image is built from the workspace here, and from the app there.
await change('deploy/compose.yaml', (text) =>
  cut(cut(text, /\.\.\/(?=\.\.\n)/), /starter\/(?=deploy\/Dockerfile\n)/),
)
// The app's own folders are at its root.
await change('deploy/Dockerfile.dockerignore', (text) => cut(text, /^(starter|packages)\/.*\n/gm))
// A workspace that no image needs.
await change('deploy/Dockerfile', (text) => cut(text, / *rm -rf packages\/codegen && \\\n/))
// One set of rules. Its exceptions are for packages that an app does not have.
const rules = await readFile(join(root, 'biome.jsonc'), 'utf8')
const appRules = cut(rules, /(?<="overrides": \[\n)[\s\S]*(?=^ {4}\{\n.*Tools read)/m)
const ownRules = cut(appRules, / *"!packages\/server\/test\/mails",\n/)
await writeFile(join(template, 'biome.jsonc'), cut(ownRules, /, "\.dependency-cruiser\.mjs"/))
const guides = [
  'adding-a-page',
  'adding-a-resource',
  'client',
  'domains',
  'files-and-webhooks',
  'importing-users',
  'jobs',
  'lists',
  'mail',
  'managed-postgres',
  'migrations',
  'operating',
  'scaling',
  'settings',
  'sign-in',
  'sign-up',
  'telemetry',
  'upgrading',
]
for (const guide of guides) await copyGuide(`docs/${guide}.md`)

async function change(name: string, work: (text: string) => string | Promise<string>) {
  const path = join(template, name)
  await writeFile(path, await work(await readFile(path, 'utf8')))
}

function cut(text: string, pattern: RegExp): string {
  const rest = text.replace(pattern, '')
  if (rest === text) throw new Error(`the starter has changed: nothing looks like ${pattern}`)
  return rest
}

async function versionOf(folder: string): Promise<string> {
  const manifest = await readFile(join(root, 'packages', folder, 'package.json'), 'utf8')
  return JSON.parse(manifest).version
}

// Dependencies with an install script that is not needed; npm asks about each.
async function deniedScripts(): Promise<Record<string, boolean>> {
  const { allowScripts } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
  const { '@swc/core': _ofThisRepository, ...denied } = allowScripts
  return denied
}

// starter/ in the guides is the folder of the new app, which has no other tests. What speaks of this repository
// is marked.
async function copyGuide(path: string): Promise<void> {
  const text = (await readFile(join(root, path), 'utf8'))
    .replaceAll(/<!-- kernel -->[\s\S]*?<!-- \/kernel -->/g, '')
    .replaceAll(/<!-- app: (.*?) -->/g, '$1')
    .replaceAll(/^<!-- \w+:(begin|end)\b.*-->\n/gm, '')
    .replaceAll(/\n{3,}/g, '\n\n')
    .replaceAll('starter/', '')
    .replaceAll('npm test -- starter -u', 'npm test -- -u')
    .replaceAll('npm test -- starter', 'npm test')
  await mkdir(dirname(join(template, path)), { recursive: true })
  await writeFile(join(template, path), `${text.trimEnd()}\n`)
}
