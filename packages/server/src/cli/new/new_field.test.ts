import { spawnSync } from 'node:child_process'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { changesOf, writeChanges } from './changes.ts'
import { parseFields } from './fields/fields.ts'
import { formatWithBiome } from './format_with_biome.ts'
import { namesOf } from './names.ts'
import { fieldChanges } from './new_field.ts'
import { type Places, placesOf } from './places.ts'
import { resourceFiles } from './resource_files.ts'

const root = join(import.meta.dirname, '../../../../..')
const names = namesOf('orders')
let folder: string
let places: Places
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tenantry-field-'))
  cpSync(join(root, 'packages/server/test/fixtures/app'), join(folder, 'src'), { recursive: true })
  renameSync(join(folder, 'src/migrations'), join(folder, 'migrations'))
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  const config = readFileSync(join(root, 'biome.jsonc'), 'utf8')
  writeFileSync(join(folder, 'biome.jsonc'), config.replace(/^ {2}"vcs".*\n/m, ''))
  places = placesOf(folder, join(folder, 'src/app.ts'))
  const fields = parseFields('number:bigint')
  const files = resourceFiles({ names, fields, parents: [], role: 'admin_tenant' }, places)
  const written = writeChanges(changesOf(names, fields, files, places))
  formatWithBiome(folder, join(folder, 'src'), written)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const read = (path: string) => readFileSync(join(folder, path), 'utf8')

describe('tenantry new field', () => {
  test('writes its migrations, and enters it in schema, queries, test and constraints', () => {
    for (const text of [
      'due_on:date?',
      'state:enum:open:closed=open',
      'project_id:references:projects?',
      'code:text:unique?',
      'price:decimal:8:2=0',
    ]) {
      const changes = fieldChanges(names.plural, text, places)
      expect(changes.edits.flatMap((it) => it.byHand)).toEqual([])
      const written = writeChanges(changes).map((it) => relative(folder, it))
      expect(formatWithBiome(folder, join(folder, 'src'), written)).toBeUndefined()
    }
    expect(readdirSync(join(folder, 'migrations')).filter((it) => it.endsWith('.up.sql'))).toEqual([
      '0001_projects.up.sql',
      '0002_orders.up.sql',
      '0003_orders_due_on.up.sql',
      '0004_orders_state.up.sql',
      '0005_orders_by_state.up.sql',
      '0006_orders_project_id.up.sql',
      '0007_orders_by_project_id.up.sql',
      '0008_orders_code.up.sql',
      '0009_orders_price.up.sql',
    ])
    expect(read('migrations/0004_orders_state.up.sql')).toContain(
      "alter table orders add column state text not null default 'open';\n" +
        "alter table orders add constraint orders_state_check check (state in ('open', 'closed'));",
    )
    expect(read('migrations/0005_orders_by_state.up.sql')).toContain('create index concurrently')
    expect(read('migrations/0006_orders_project_id.up.sql')).toContain(
      'add foreign key (tenant_id, project_id) references projects (tenant_id, id);',
    )
    const schema = read('src/orders/orders.schema.ts')
    expect(schema).toContain("filters: ['state', 'project_id'],")
    expect(schema).toContain('state: state.default(')
    expect(schema).toContain('due_on: dueOn.default(null)')
    expect(schema).toContain('price: price.optional()')
    expect(read('src/orders/orders.ts')).toMatch(/'number',\s+'due_on',\s+'state',\s+'project_id'/)
    expect(read('src/orders/orders.test.ts')).toContain("due_on: '2026-01-31',")
    expect(read('src/app.ts')).toContain('orders_code_unique: {')
    expect(biome()).toBe('')
  })

  test('says what is left by hand where it finds no place', () => {
    mkdirSync(join(folder, 'web/orders'), { recursive: true })
    writeFileSync(join(folder, 'web/orders/orders.page.tsx'), '')
    writeFileSync(join(folder, 'src/orders/orders.ts'), 'export const all = 1\n')
    const { edits } = fieldChanges(names.plural, 'note:longtext=', places)
    expect(edits.flatMap((it) => it.byHand)).toEqual([
      "const columns = [… 'note'] as const",
      '"note" in useColumns, blank, valuesOf, bodyOf and the form, and its text in web/locales',
    ])
  })

  test.each([
    ['orders', 'sum:integer', 'write sum:integer? for null, or sum:integer=value'],
    [
      'orders',
      'number:text?',
      'has a field "number" already: write another name, such as order_number',
    ],
    ['orders', 'a:text? b:text?', 'is not one field'],
    ['orders', 'order_id:references:lines?', 'add that resource first'],
    ['lines', 'a:text?', 'there is no src/lines/lines.schema.ts'],
  ])('of %s refuses %s', (plural, text, why) => {
    const before = readdirSync(join(folder, 'migrations'))
    expect(() => fieldChanges(plural, text, places)).toThrow(why)
    expect(readdirSync(join(folder, 'migrations'))).toEqual(before)
  })
})

function biome(): string {
  const args = ['ci', '--error-on-warnings', '--colors=off', 'src']
  const bin = join(root, 'node_modules/.bin/biome')
  const { status, stdout, stderr } = spawnSync(bin, args, { cwd: folder, encoding: 'utf8' })
  return status === 0 ? '' : stdout + stderr
}
