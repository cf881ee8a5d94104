import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Field } from './fields.ts'
import { fillTemplate, type TemplateValues } from './fill_template.ts'
import { type Names, pathOf } from './names.ts'
import type { Parent } from './parents.ts'
import type { Places } from './places.ts'

const templates = join(import.meta.dirname, '../../../templates/resource')

/** The input of the templates. */
export interface Resource {
  names: Names
  fields: readonly Field[]
  /** The rows that its test creates first. */
  parents: readonly Parent[]
  /** The role of the test's user: it has every permission. */
  role: string
}

/** The new files of a resource: path and content. */
export function resourceFiles(
  resource: Resource,
  { source, migrations }: Places,
): Map<string, string> {
  const { plural } = resource.names
  const migration = join(migrations, `${nextNumber(migrations)}_${plural}`)
  const module = join(source, plural, plural)
  const values = valuesOf(resource)
  const filled = (template: string) =>
    fillTemplate(readFileSync(join(templates, `${template}.tmpl`), 'utf8'), values)
  return new Map([
    [`${migration}.up.sql`, filled('up.sql')],
    [`${migration}.down.sql`, filled('down.sql')],
    [`${module}.schema.ts`, filled('schema.ts')],
    [`${module}.ts`, filled('queries.ts')],
    [`${module}.routes.ts`, filled('routes.ts')],
    [`${module}.test.ts`, filled('test.ts')],
  ])
}

function valuesOf({ names, fields, parents, role }: Resource): TemplateValues {
  const columns = ['id', ...fields.map(({ name }) => name), 'created_at', 'updated_at']
  const changed = fields.find(({ references }) => references === undefined) ?? fields[0]
  return {
    ...names,
    role,
    fields: fields.map(({ type, name, identifier }) => ({
      name,
      identifier,
      sql: type.sql(name),
      zod: type.zod,
      example: type.examples[0],
      member: name === identifier ? name : `${name}: ${identifier}`,
    })),
    columns: columns.map((it) => `'${it}'`).join(', '),
    change: changed === undefined ? '' : `${changed.name}: ${changed.type.examples[1]}`,
    references: fields.flatMap(({ name, references: table }) => {
      const parent = parents.find(({ path }) => path === pathOf(table ?? ''))?.identifier
      return table === undefined || parent === undefined ? [] : [{ name, table, parent }]
    }),
    parents: parents.map((it) => ({ ...it })),
    // A section that appears once or not at all.
    referring: parents.length > 0 ? [{}] : [],
  }
}

function nextNumber(migrations: string): string {
  const numbers = readdirSync(migrations).map((it) => Number.parseInt(it, 10) || 0)
  return String(Math.max(0, ...numbers) + 1).padStart(4, '0')
}
