import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { Route } from '../packages/server/src/app/route.ts'
import { changesOf, writeChanges } from '../packages/server/src/cli/new/changes.ts'
import { fieldTypes } from '../packages/server/src/cli/new/fields/field_types.ts'
import { parseFields } from '../packages/server/src/cli/new/fields/fields.ts'
import { formatWithBiome } from '../packages/server/src/cli/new/format_with_biome.ts'
import { namesOf } from '../packages/server/src/cli/new/names.ts'
import { nestingOf } from '../packages/server/src/cli/new/nesting.ts'
import { pageEdits } from '../packages/server/src/cli/new/page/page_edits.ts'
import { pageReferences } from '../packages/server/src/cli/new/page/page_references.ts'
import { parentsOf } from '../packages/server/src/cli/new/parents.ts'
import { placesOf } from '../packages/server/src/cli/new/places.ts'
import { resourceFiles } from '../packages/server/src/cli/new/resource_files.ts'
import { describeApp } from '../packages/server/src/runtime/describe_app.ts'
import { carryOut, stepsOf } from '../packages/server/test/deploy/guide.ts'
import { app } from '../starter/src/app.ts'

const root = join(import.meta.dirname, '..')

test('the page of the guide compiles, and those of tenantry new resource, with every type of field', async () => {
  const { routes } = await describeApp(app)
  const folder = copyOfStarter()
  // The guide begins with a resource of this name.
  addByCommand(folder, 'tasks', routes)
  followGuides(folder)
  addByCommand(folder, 'purchase_orders', routes)
  addByCommand(folder, 'notes', routes, 'projects')
  writeApiTypes(folder)
  const main = readFileSync(join(folder, 'web/main.tsx'), 'utf8')
  expect(main).toContain('pages: [projects, tasks, invoices, purchaseOrders, notes]')
  expect(main).toContain("const notes = page('/projects/:project_id/notes', {")
  // The page of projects leads there, and the navigation does not.
  const above = readFileSync(join(folder, 'web/projects/projects.page.tsx'), 'utf8')
  expect(above).toMatch(/<RowLink to=\{`.projects.\$\{it\.id\}.notes`\} access="notes:read">/)
  expect(main).not.toContain('app:notes')
  expect(run(folder, 'tsc', '-p', 'web')).toBe('')
  expect(run(folder, 'biome', 'ci', '--error-on-warnings', '--colors=off')).toBe('')
}, 120_000)

test('tenantry new resource --page writes nothing where there are no pages', () => {
  const folder = copyOfStarter()
  rmSync(join(folder, 'web'), { recursive: true })
  const places = placesOf(folder, join(folder, 'src/app.ts'))
  const fields = parseFields('number:text')
  expect(() => pageEdits({ names: namesOf('invoices'), fields }, places)).toThrow(
    /a page needs .*main\.tsx/,
  )
})

function addByCommand(
  folder: string,
  plural: string,
  routes: readonly Route[],
  under?: string,
): void {
  // One field alone refers to the row that a nested resource is below.
  const types = fieldTypes.filter((it) => it !== `references:${under}`)
  const both = ['', '?'].flatMap((end) =>
    types.map((it, at) => `a${at}${end && 'n'}_id:${it}${end}`),
  )
  const above = under === undefined ? '' : `above_id:references:${under}`
  const all = `title:text ${both.join(' ')} parent_id:references:${plural}? ${above}`
  const fields = parseFields(all.trim())
  const places = placesOf(folder, join(folder, 'src/app.ts'))
  const names = namesOf(plural)
  const nesting = under === undefined ? undefined : nestingOf(names, fields, under, routes)
  const page = pageReferences(names, fields, routes, nesting)
  const referring = fields.filter(({ references }) => references === under)
  const parents = nesting === undefined ? [] : parentsOf(plural, referring, routes)
  const resource = { names, fields, parents, role: 'admin_tenant', page, nesting }
  const edits = pageEdits(resource, places)
  const changes = changesOf(names, fields, resourceFiles(resource, places), places, edits)
  expect(changes.edits.flatMap((it) => it.byHand)).toEqual([])
  const written = writeChanges(changes).map((it) => relative(folder, it))
  expect(written).toContain(`web/${plural}/${plural}.page.tsx`)
  const { app } = JSON.parse(readFileSync(join(folder, 'web/locales/de.json'), 'utf8'))
  expect(app.acts).toMatchObject({ [`${plural}_create`]: expect.stringMatching(/^Created an? /) })
  expect(formatWithBiome(folder, join(folder, 'src'), written)).toBeUndefined()
}

/** Does by hand what the guides say: a resource, and its page. */
function followGuides(folder: string): void {
  const guide = (name: string) =>
    readFileSync(join(root, 'docs', name), 'utf8').replaceAll('starter/', '')
  const page = guide('adding-a-page.md')
  for (const step of [...stepsOf(guide('adding-a-resource.md')), ...stepsOf(page)]) {
    if (step.kind !== 'command') carryOut(folder, step)
  }
  const [, entry = ''] = /In `web\/main.tsx`:\n\n```tsx\n([\s\S]*?)```/.exec(page) ?? []
  const [, texts = ''] = /```json\n([\s\S]*?)```/.exec(page) ?? []
  const main = readFileSync(join(folder, 'web/main.tsx'), 'utf8')
  const filled = main
    .replace(/^const projects/m, `${entry}\n$&`)
    .replace('pages: [projects, tasks', '$&, invoices')
  writeFileSync(join(folder, 'web/main.tsx'), filled)
  for (const locale of ['en', 'de']) {
    const path = join(folder, 'web/locales', `${locale}.json`)
    const { app, ...rest } = JSON.parse(readFileSync(path, 'utf8'))
    writeFileSync(path, JSON.stringify({ app: { ...app, ...JSON.parse(`{${texts}}`) }, ...rest }))
  }
  // As the guide says: npm run format.
  run(folder, 'biome', 'check', '--write', '.')
}

function copyOfStarter(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tenantry-page-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  for (const name of ['src', 'web', 'migrations', 'package.json', 'tsconfig.json']) {
    cpSync(join(root, 'starter', name), join(folder, name), { recursive: true })
  }
  rmSync(join(folder, 'web/dist'), { recursive: true, force: true })
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  const config = readFileSync(join(folder, 'tsconfig.json'), 'utf8')
  writeFileSync(join(folder, 'tsconfig.json'), config.replaceAll('../packages', `${root}/packages`))
  const rules = readFileSync(join(root, 'biome.jsonc'), 'utf8')
  writeFileSync(join(folder, 'biome.jsonc'), rules.replace(/^ {2}"vcs".*\n/m, ''))
  return folder
}

/** Does what `tenantry generate` does for the pages, without a database. */
function writeApiTypes(folder: string): void {
  const script = join(folder, 'write_api_types.ts')
  writeFileSync(
    script,
    `import { writeFileSync } from 'node:fs'
    import { typesOf } from '${root}/packages/codegen/src/index.ts'
    import { describeApp } from '${root}/packages/server/src/runtime/describe_app.ts'
    import { app } from './src/app.ts'
    writeFileSync('web/api.d.ts', await typesOf((await describeApp(app)).document))`,
  )
  expect(run(folder, 'tsx', script)).toBe('')
  rmSync(script)
}

/** What a tool says if it fails, and otherwise nothing. */
function run(folder: string, tool: string, ...args: string[]): string {
  const bin = join(root, 'node_modules/.bin', tool)
  const { status, stdout, stderr } = spawnSync(bin, args, { cwd: folder, encoding: 'utf8' })
  return status === 0 ? '' : stdout + stderr
}
