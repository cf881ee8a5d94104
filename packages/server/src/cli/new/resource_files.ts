import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Field } from './fields.ts'
import { fillTemplate, type TemplateValues } from './fill_template.ts'
import type { Names } from './names.ts'
import type { Places } from './places.ts'

const templates = join(import.meta.dirname, '../../../templates/resource')

/** The new files of a resource: path and content. Its test signs in as `role`. */
export function resourceFiles(
  names: Names,
  fields: Field[],
  { source, migrations }: Places,
  role: string,
): Map<string, string> {
  const { plural } = names
  const migration = join(migrations, `${nextNumber(migrations)}_${plural}`)
  const module = join(source, plural, plural)
  const values = { ...names, ...fieldValues(fields), role }
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

function fieldValues(fields: Field[]): TemplateValues {
  const lines = (lineOf: (field: Field) => string) => fields.map(lineOf).join('\n')
  return {
    sqlColumns: lines(({ name, type }) => `${name} ${type.sql(name)},`),
    columns: fields.map(({ name }) => `'${name}'`).join(', '),
    zodFields: lines(({ identifier, type }) => `const ${identifier} = ${type.zod}`),
    members: lines(memberOf),
    optionalMembers: lines(({ name, identifier }) => `${name}: ${identifier}.optional(),`),
    exampleMembers: lines(({ name, type }) => `${name}: ${type.examples[0]},`),
    exampleChange: fields
      .slice(0, 1)
      .map(({ name, type }) => `${name}: ${type.examples[1]}`)
      .join(),
  }
}

function memberOf({ name, identifier }: Field): string {
  return name === identifier ? `${name},` : `${name}: ${identifier},`
}

function nextNumber(migrations: string): string {
  const numbers = readdirSync(migrations).map((it) => Number.parseInt(it, 10) || 0)
  return String(Math.max(0, ...numbers) + 1).padStart(4, '0')
}
