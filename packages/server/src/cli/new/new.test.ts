import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { asAdmin } from '../../../test/fixtures/databases.ts'
import { fieldTypes, parseFields } from './fields.ts'
import { namesOf } from './names.ts'
import { placesOf, resourceFiles, writeResource } from './resource.ts'
import { sqlWords } from './words.ts'

const root = join(import.meta.dirname, '../../../../..')
const folders: string[] = []
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

describe('tenantry new resource', () => {
  // Where a line is broken depends on how long the names are.
  test('writes what the formatter and the linter leave as it is, however long the names', () => {
    const folder = newFolder()
    const fields = [...Object.keys(fieldTypes)].map((type) => `a_${type}_field:${type}`).join(' ')
    for (let length = 3; length <= 30; length++) {
      const plural = `${'long0winded0names0of0things0and0relatives'.slice(0, length - 2)}xs`
      write(folder, plural, length % 3 === 0 ? fields : `f${'0'.repeat(length + 9)}:text`)
    }
    expect(biome(folder)).toEqual('')
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
    expect(write(folder, 'orders', 'number:text').byHand).toEqual([
      { path: 'src/policy.ts', line: "orders: ['read', 'create', 'update', 'delete']," },
      { path: 'src/app.ts', line: 'routes: [… ...orderRoutes]' },
      { path: 'src/app.ts', line: "import { orderRoutes } from './orders/orders.routes.ts'" },
    ])
    expect(readFileSync(policy, 'utf8')).toBe(hidden)
  })

  test.each([
    ['Invoices', 'lower_snake_case'],
    ['invoices;drop', 'lower_snake_case'],
    ['a'.repeat(31), 'at most 30 characters'],
    ['select', 'keeps that word for itself'],
    ['classes', 'keeps that word for itself'],
    ['maps', 'map means something else'],
    ['ids', 'id means something else'],
  ])('the name %s is refused', (name, why) => {
    expect(() => namesOf(name)).toThrow(why)
  })

  test.each([
    ['', 'a field at least'],
    ['number', 'write name:type'],
    ['number:text:unique', 'write name:type'],
    ['number:string', '"string" of "number" is no type: there are text, integer'],
    ['number:constructor', 'is no type'],
    ['Number:text', 'lower_snake_case'],
    ['order:text', 'keeps that word for itself'],
    ['tenant_id:uuid', 'every resource has "tenant_id" already'],
    ['a_1:text a1:text', 'is there twice'],
  ])('the fields "%s" are refused', (fields, why) => {
    expect(() => parseFields(fields)).toThrow(why)
  })

  test.each([
    ['invoices', 'invoice', 'an invoice'],
    ['categories', 'category', 'a category'],
    ['addresses', 'address', 'an address'],
    ['boxes', 'box', 'a box'],
    ['statuses', 'status', 'a status'],
    ['purchase_orders', 'purchase_order', 'a purchase order'],
    ['staff', 'staff', 'a staff'],
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

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tenantry-new-'))
  folders.push(folder)
  for (const part of ['src', 'migrations']) {
    cpSync(join(root, 'starter', part), join(folder, part), { recursive: true })
  }
  const config = readFileSync(join(root, 'biome.jsonc'), 'utf8')
  writeFileSync(join(folder, 'biome.jsonc'), config.replace(/^ {2}"vcs".*\n/m, ''))
  return folder
}

function write(folder: string, plural: string, fields: string) {
  const places = placesOf(folder, join(folder, 'src/app.ts'))
  const names = namesOf(plural)
  return writeResource(
    names,
    resourceFiles(names, parseFields(fields), places, 'admin_tenant'),
    places,
  )
}

function biome(folder: string): string {
  const args = ['ci', '--error-on-warnings', '--colors=off', '--max-diagnostics=20']
  const bin = join(root, 'node_modules/.bin/biome')
  const { status, stdout, stderr } = spawnSync(bin, args, { cwd: folder, encoding: 'utf8' })
  return status === 0 ? '' : stdout + stderr
}
