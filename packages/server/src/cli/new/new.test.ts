import { spawnSync } from 'node:child_process'
import {
  cpSync,
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
import { afterAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { app } from '../../../test/fixtures/app/app.ts'
import { asAdmin } from '../../../test/fixtures/databases.ts'
import type { Route } from '../../app/route.ts'
import { assertConstraintNames, assertFree, assertReferences } from './assert_free.ts'
import { changesOf, writeChanges } from './changes.ts'
import { fieldTypes } from './fields/field_types.ts'
import { parseFields } from './fields/fields.ts'
import { fillTemplate } from './fill_template.ts'
import { formatWithBiome } from './format_with_biome.ts'
import { namesOf } from './names.ts'
import { parentsOf } from './parents.ts'
import { placesOf } from './places.ts'
import { resourceFiles } from './resource_files.ts'
import { sqlWords } from './words.ts'

const [example] = app.routes
if (example === undefined) throw new Error('the fixture app has no route')
const root = join(import.meta.dirname, '../../../../..')
const folders: string[] = []
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

describe('tenantry new resource', () => {
  // Where a line is broken depends on how long the names are.
  test('writes what the formatter and the linter accept, however long the names', () => {
    const folder = newFolder()
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
    const fields = allFields()
    const written: string[] = []
    for (let length = 3; length <= 30; length++) {
      const plural = `${'long0winded0names0of0things0and0relatives'.slice(0, length - 2)}xs`
      const outcome = write(
        folder,
        plural,
        length % 3 === 0 ? fields : `f${'0'.repeat(length)}:text`,
      )
      written.push(...outcome.written)
    }
    expect(formatWithBiome(folder, join(folder, 'src'), written)).toBeUndefined()
    expect(biome(folder)).toEqual('')
  })

  test('writes the templates as they are where the app has no Biome, and they are well formed', () => {
    const folder = newFolder()
    const { written } = write(folder, 'invoices', 'number:text amount_cents:integer due_on:date')
    const read = () => written.map((path) => readFileSync(join(folder, path), 'utf8'))
    const before = read()
    expect(formatWithBiome(folder, join(folder, 'src'), written)).toBeUndefined()
    expect(read()).toEqual(before)
    expect(biome(folder)).toEqual('')
  })

  test('formats nothing by a configuration that is not there', () => {
    const folder = newFolder()
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
    rmSync(join(folder, 'biome.jsonc'))
    const policy = readFileSync(join(folder, 'src/policy.ts'), 'utf8')
    expect(formatWithBiome(folder, join(folder, 'src'), ['src/policy.ts'])).toBeUndefined()
    expect(readFileSync(join(folder, 'src/policy.ts'), 'utf8')).toBe(policy)
  })

  test('says what Biome says of what it could not format', () => {
    const folder = newFolder()
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
    writeFileSync(join(folder, 'src/broken.ts'), 'export const = 1\n')
    expect(formatWithBiome(folder, join(folder, 'src'), ['src/broken.ts'])).toContain('parse')
  })

  test('enters each line where its neighbours are, and where it cannot, says it', () => {
    const folder = newFolder()
    const app = join(folder, 'src/app.ts')
    const policy = join(folder, 'src/policy.ts')
    expect(write(folder, 'invoices', 'number:text').byHand).toEqual([])
    expect(readFileSync(policy, 'utf8')).toContain(
      "    projects: ['read', 'create', 'update', 'delete'],\n" +
        "    invoices: ['read', 'create', 'update', 'delete'],\n  },\n",
    )
    expect(readFileSync(app, 'utf8')).toContain(
      '  routes: [...projectRoutes, ...permissionCheckRoutes, ...invoiceRoutes],\n',
    )
    const hidden = 'export const resources = {}\n'
    writeFileSync(policy, hidden)
    writeFileSync(app, 'export const app = build()\n')
    expect(write(folder, 'orders', 'number:text:unique').byHand).toEqual([
      "src/policy.ts: orders: ['read', 'create', 'update', 'delete'],",
      'src/app.ts: routes: [… ...orderRoutes]',
      "src/app.ts: import { orderRoutes } from './orders/orders.routes.ts'",
      "src/app.ts: constraints: { … orders_number_unique: { code: 'order.number_taken', detail: 'The number is taken', pointer: '/number' }, }",
    ])
    expect(readFileSync(policy, 'utf8')).toBe(hidden)
  })

  test('of a reference its test creates what is referred to, and before that what that refers to', () => {
    const route = (path: string, body: z.ZodObject): Route[] => [
      { ...example, method: 'POST', path: `/api/${path}`, body, status: 201 },
      { ...example, path: `/api/${path}/:${path.slice(0, -1).replace('-', '_')}_id` },
    ]
    const routes = [
      ...route(
        'tasks',
        z.object({ title: z.string(), project_id: z.uuid(), note: z.string().optional() }),
      ),
      ...route('projects', z.object({ kind: z.enum(['large', 'small']) })),
      ...route('circles', z.object({ circle_id: z.literal('none') })),
    ]
    const parents = (text: string) => parentsOf('items', parseFields(text), routes)
    expect(parents('task_id:references:tasks other_id:references:tasks')).toEqual([
      {
        path: '/api/projects',
        identifier: 'projectId',
        url: "'/api/projects'",
        body: "{ kind: 'large' }",
      },
      {
        path: '/api/tasks',
        identifier: 'taskId',
        url: "'/api/tasks'",
        body: expect.stringMatching(/^\{ title: 'sample_\w+', project_id: projectId \}$/),
      },
    ])
    expect(parents('circle_id:references:circles')).toHaveLength(1)
    expect(parents('name:text')).toEqual([])
    // A note is created below a task, which the test creates before.
    const below = '/api/tasks/:task_id/notes'
    const notes = route('notes', z.object({ text: z.string() }))
    routes.push(...notes.map((it) => (it.method === 'POST' ? { ...it, path: below } : it)))
    expect(parents('note_id:references:notes').map(({ url }) => url)).toEqual([
      "'/api/projects'",
      "'/api/tasks'",
      expect.stringMatching(/^`.api.tasks.\$\{taskId\}.notes`$/),
    ])
    expect(() => parents('x_id:references:members')).toThrow(
      'write the route POST /api/members first',
    )
    expect(parents('x_id:references:members? item_id:references:items?')).toEqual([])
  })

  test.each([
    [
      'x_id:references:others',
      '"x_id" refers to others: no migration creates it: add that resource first',
    ],
    ['task_id:references:tasks', 'nothing to refer to: write task_id:references:tasks?'],
  ])('a reference needs a table: %s', (fields, why) => {
    const folder = newFolder()
    const places = placesOf(folder, join(folder, 'src/app.ts'))
    expect(() => assertReferences(namesOf('tasks'), parseFields(fields), places)).toThrow(why)
    const good = parseFields('project_id:references:projects parent_id:references:tasks?')
    expect(() => assertReferences(namesOf('tasks'), good, places)).not.toThrow()
  })

  test.each([
    ['PurchaseOrders', 'write lower_snake_case, such as purchase_orders'],
    ['invoices;drop', 'lower_snake_case'],
    ['a'.repeat(31), 'at most 30 characters'],
    ['classes', 'class is a reserved word of SQL or JavaScript; write another name, such as'],
    ['maps', 'map is a name of'],
    ['ids', 'id is a name of'],
    ['news', 'write news --singular news_item'],
    ['series', 'write series --singular series_item'],
    ['status', 'write status --singular status_item'],
    ['staff', 'write staffs, or staff --singular staff_item'],
  ])('the name %s is refused', (name, why) => {
    expect(() => namesOf(name)).toThrow(why)
  })

  test.each([
    ['', 'at least one field'],
    ['number', 'write name:type'],
    ['number:', 'write name:type'],
    ['due_on?:date', 'write due_on:date?'],
    ['number:string', '"string" of "number" is not a type; the types are text, longtext, integer'],
    ['number:text:0', 'is not a length of text, which is 1 to 500: write number:text:200'],
    ['number:text:501', 'or for longer ones number:longtext'],
    ['number:text:40:uniq', 'is not a length of text'],
    ['number:integer:unique', 'write number:bigint:unique'],
    ['number:text:20:unique', 'write number:text:40:unique'],
    ['number:decimal:8:2:unique', 'text, bigint and uuid can: leave out :unique'],
    ['state:enum:open:unique', 'an enum repeats: leave out :unique'],
    ['sort:enum:up:down', 'every list has a parameter of that name'],
    ['price:decimal', 'price:decimal:12:2'],
    ['price:decimal:2:2', 'price:decimal:12:2'],
    ['price:decimal(12', 'is not a type; the types are'],
    ['paid:boolean=2', '"2" is not a default for "paid": write one without quotes, such as paid:b'],
    ['amount:integer=2147483648', '"2147483648" is not a default'],
    ["name:text='x'", 'is not a default'],
    ['due_on:date=2026-02-30', 'is not a default'],
    ['state:enum:open:closed=done', 'such as state:enum:open:closed=open'],
    ['due_on:date?=2026-01-31', 'is never null: leave out "?"'],
    ['number:text:unique=1', 'is unique: leave out its default "=1"'],
    ['key:uuid=1', 'cannot have a default as uuid: leave out "=1"'],
    ['define_list:text', 'reserved word'],
    ['project:ref(projects)', 'write project_id:references:projects'],
    ['project_id:ref', 'write project_id:references:projects'],
    ['number:constructor', 'is not a type'],
    ['Number:text', 'lower_snake_case'],
    ['order:text', 'reserved word'],
    ['tenant_id:uuid', 'every resource has "tenant_id"'],
    ['a_1:text a1:text', 'appears more than once'],
    ['state:enum', 'needs values of letters'],
    ['state:enum:open:open', 'each once'],
    ["state:enum:it's", 'needs values of letters'],
    ['project_id:references', 'must end in _id and name one table'],
    ['project_id:references:projects:tasks', 'must end in _id and name one table'],
    ['project:references:projects', 'must end in _id'],
  ])('the fields "%s" are refused', (fields, why) => {
    expect(() => parseFields(fields)).toThrow(why)
  })

  test('a name that the kernel or the app uses is refused, and so is a constraint that is cut', () => {
    const folder = newFolder()
    const places = placesOf(folder, join(folder, 'src/app.ts'))
    const described = { routes: app.routes, document: { components: {} } as never }
    const assert = (plural: string) => () => assertFree(namesOf(plural), places, described)
    expect(assert('users')).toThrow('write another name, such as customer_users')
    expect(assert('members')).toThrow("it is one of the kernel's own")
    expect(assert('projects')).toThrow('there is a route GET /api/projects')
    expect(assert('invoices')).not.toThrow()
    const long = parseFields(`${'n'.repeat(40)}:text:unique`)
    expect(() => assertConstraintNames(namesOf('orders'), long)).not.toThrow()
    expect(() => assertConstraintNames(namesOf(`${'o'.repeat(28)}s`), long)).toThrow('shorter name')
  })

  test('writes nothing where one file cannot be written', () => {
    const folder = newFolder()
    const policy = readFileSync(join(folder, 'src/policy.ts'), 'utf8')
    const changes = changesFor(folder, 'invoices', 'number:text')
    const { edits } = changes
    const gone = { path: join(folder, 'src/gone.ts'), text: 'x', lines: ['x'], byHand: [] }
    expect(() => writeChanges({ ...changes, edits: [...edits, gone] })).toThrow(
      'nothing was written',
    )
    expect(readFileSync(policyOf(folder), 'utf8')).toBe(policy)
    expect(readdirSync(join(folder, 'src'))).not.toContain('invoices')
    expect(readdirSync(join(folder, 'migrations'))).toHaveLength(2)
  })

  test.each([
    ['invoices', 'invoice', 'an invoice'],
    ['categories', 'category', 'a category'],
    ['addresses', 'address', 'an address'],
    ['boxes', 'box', 'a box'],
    ['statuses', 'status', 'a status'],
    ['purchase_orders', 'purchase_order', 'a purchase order'],
    ['warehouses', 'warehouse', 'a warehouse'],
    ['team_people', 'team_person', 'a team person'],
  ])('of %s one is %s', (plural, singular, aWord) => {
    expect(namesOf(plural)).toMatchObject({ singular, aWord })
  })

  test('knows every word that the database keeps for itself', async () => {
    const { rows } = await asAdmin((client) =>
      client.query<{ word: string }>(
        "select word from pg_get_keywords() where catcode in ('R', 'T')",
      ),
    )
    // Where a type or function may be named so, a table and a column may not.
    expect(rows.map((it) => it.word).filter((it) => !sqlWords.has(it))).toEqual([])
  })
})

describe('a template', () => {
  test('repeats a section for each item, with the names around it, and for none leaves it out', () => {
    const template =
      '{\n  {{#items}}\n  {{name}}: {{one}},\n  {{/items}}\n  {{#none}}\n  x\n  {{/none}}\n}\n'
    const values = { items: [{ name: 'a' }, { name: 'b', one: '2' }], none: [], one: '1' }
    expect(fillTemplate(template, values)).toBe('{\n  a: 1,\n  b: 2,\n}\n')
  })

  test.each(['{{other}}', '{{items}}', '{{#other}}\nx\n{{/other}}\n', '{{#one}}\nx\n{{/one}}\n'])(
    'must not name what has no value: %j',
    (template) => {
      expect(() => fillTemplate(template, { items: [], one: '1' })).toThrow('a template')
    },
  )
})

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tenantry-new-'))
  folders.push(folder)
  const fixture = join(root, 'packages/server/test/fixtures/app')
  cpSync(fixture, join(folder, 'src'), { recursive: true })
  renameSync(join(folder, 'src/migrations'), join(folder, 'migrations'))
  const config = readFileSync(join(root, 'biome.jsonc'), 'utf8')
  writeFileSync(join(folder, 'biome.jsonc'), config.replace(/^ {2}"vcs".*\n/m, ''))
  return folder
}

/** Each type, and what can follow it. */
function allFields(): string {
  const nameOf = (type: string) => `a_${type.split(':')[0]}`
  return [
    ...fieldTypes.map((type) => `${nameOf(type)}_id:${type}`),
    ...fieldTypes.map((type) => `${nameOf(type)}_or_null_id:${type}?`),
    'number:text:40:unique code:bigint:unique key:uuid:unique? price:decimal:6:3=0.5',
    'paid:boolean=false amount:integer=-1 notes:longtext= settings:jsonb={}',
    'state:enum:open:closed=open due_on:date=2026-01-31',
  ].join(' ')
}

const policyOf = (folder: string) => join(folder, 'src/policy.ts')

function changesFor(folder: string, plural: string, text: string) {
  const places = placesOf(folder, join(folder, 'src/app.ts'))
  const [names, fields] = [namesOf(plural), parseFields(text)]
  const parents = parentsOf(plural, fields, app.routes)
  const resource = { names, fields, parents, role: 'admin_tenant' }
  return changesOf(names, fields, resourceFiles(resource, places), places)
}

function write(folder: string, plural: string, text: string) {
  const changes = changesFor(folder, plural, text)
  const shown = (path: string) => relative(folder, path)
  return {
    written: writeChanges(changes).map(shown),
    byHand: changes.edits.flatMap(({ path, byHand }) =>
      byHand.map((line) => `${shown(path)}: ${line}`),
    ),
  }
}

function biome(folder: string): string {
  const args = ['ci', '--error-on-warnings', '--colors=off', '--max-diagnostics=20']
  const bin = join(root, 'node_modules/.bin/biome')
  const { status, stdout, stderr } = spawnSync(bin, args, { cwd: folder, encoding: 'utf8' })
  return status === 0 ? '' : stdout + stderr
}
