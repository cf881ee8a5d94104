import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Field, sqlOf } from './fields/fields.ts'
import { fillTemplate, type TemplateValues } from './fill_template.ts'
import { uniqueName } from './insertions.ts'
import { type Names, pathOf } from './names.ts'
import type { Nesting } from './nesting.ts'
import { pageValues } from './page/page_controls.ts'
import type { PageReference } from './page/page_references.ts'
import type { Parent } from './parents.ts'
import { migrationNumber, type Places } from './places.ts'
import { searchedField } from './searched_field.ts'

const templates = join(import.meta.dirname, '../../../templates/resource')

/** The input of the templates. */
export interface Resource {
  names: Names
  fields: readonly Field[]
  /** The rows that its test creates first. */
  parents: readonly Parent[]
  /** The role of the test's user: it has every permission. */
  role: string
  /** Also write a page, which chooses by name among the rows of these tables. */
  page?: readonly PageReference[] | undefined
  /** The row below which list and create are. */
  nesting?: Nesting | undefined
}

/** The new files of a resource: path and content. */
export function resourceFiles(
  resource: Resource,
  { source, migrations, web }: Places,
): Map<string, string> {
  const { plural } = resource.names
  const migration = join(migrations, `${migrationNumber(migrations)}_${plural}`)
  const module = join(source, plural, plural)
  const values = valuesOf(resource)
  const page = join(web, plural, `${plural}.page.tsx`)
  const filled = (template: string) =>
    fillTemplate(readFileSync(join(templates, `${template}.tmpl`), 'utf8'), values)
  return new Map([
    [`${migration}.up.sql`, filled('up.sql')],
    [`${migration}.down.sql`, filled('down.sql')],
    [`${module}.schema.ts`, filled('schema.ts')],
    [`${module}.ts`, filled('queries.ts')],
    [`${module}.routes.ts`, filled('routes.ts')],
    [`${module}.test.ts`, filled('test.ts')],
    ...(resource.page ? [[page, filled('page.tsx')] as const] : []),
  ])
}

function valuesOf({
  names,
  fields: all,
  parents,
  role,
  page = [],
  nesting,
}: Resource): TemplateValues {
  // The row above is in the path, not in a body.
  const fields = all.filter((it) => it !== nesting?.field)
  const columns = ['id', ...all.map(({ name }) => name), 'created_at', 'updated_at']
  const changed = fields.find(({ references }) => references === undefined) ?? fields[0]
  return {
    ...names,
    role,
    fields: all.map((field) => fieldValues(field, names, parents)),
    given: fields.map((field) => fieldValues(field, names, parents)),
    ...nestedValues(names, parents, nesting),
    ...pageValues(fields, names, page, nesting),
    ...listValues(fields),
    columns: columns.map((it) => `'${it}'`).join(', '),
    ...testValues(fields),
    change: changed === undefined ? '' : `${changed.name}: ${changed.type.examples[1]}`,
    references: all.flatMap(({ name, references: table }) => {
      const parent = parents.find(({ path }) => path === pathOf(table ?? ''))?.identifier
      if (table === undefined) return []
      return [
        {
          name,
          table,
          tested: parent === undefined || name === nesting?.field.name ? [] : [{ parent }],
        },
      ]
    }),
    parents: parents.map((it) => ({ ...it })),
    // Sections that appear once or not at all.
    referring: parents.length > 0 ? [{}] : [],
    random: parents.length > 0 || fields.some((it) => it.unique && it.kind === 'uuid') ? [{}] : [],
  }
}

// Sections for a resource below a row of another one, and for the others.
function nestedValues(
  { path }: Names,
  parents: readonly Parent[],
  nesting: Nesting | undefined,
): TemplateValues {
  if (nesting === undefined) return { nested: [], flat: [{}], collection: path }
  const { field, path: collection, table, parameter, argument, parentWord } = nesting
  const parent = parents.find((it) => it.path === pathOf(table))?.identifier ?? ''
  const below = (id: string) => `${pathOf(table)}/\${${id}}${path.replace('/api', '')}`
  const words = { parameter, argument, parentWord, column: field.name, table, parent }
  const paths = { first: below(parent), unknown: below('randomUUID()') }
  return { nested: [{ ...words, ...paths }], flat: [], collection }
}

function fieldValues(field: Field, { plural }: Names, parents: readonly Parent[]): TemplateValues {
  const { type, name, identifier, nullable, unique, references } = field
  const isCreated = parents.some(({ path }) => path === pathOf(references ?? ''))
  const member = (schema: string) => (name === schema ? name : `${name}: ${schema}`)
  return {
    name,
    identifier,
    sql: sqlOf(field),
    zod: nullable ? `${type.zod}.nullable()` : type.zod,
    example: references === undefined || isCreated ? type.examples[0] : 'null',
    member: member(identifier),
    input: member(`${identifier}${inputDefault(field)}`),
    unique: unique ? [{ constraint: uniqueName(plural, name) }] : [],
  }
}

function inputDefault({ nullable, default: literal }: Field): string {
  if (nullable) return '.default(null)'
  return literal === undefined ? '' : `.default(${literal.typescript})`
}

// A request may leave a field with a default out, and one that may be null. Where a field is unique, each row
// of the test needs values of its own.
function testValues(fields: readonly Field[]): TemplateValues {
  const unique = fields.filter((it) => it.unique)
  const optional = fields.flatMap(({ name, nullable, default: literal }) => {
    const value = nullable ? 'null' : literal?.typescript
    return value === undefined ? [] : [`${name}: ${value}`]
  })
  return {
    another: unique.length > 0 ? 'another()' : 'example',
    uniques: unique.map(({ name, type }) => ({ name, fresh: type.unique ?? '' })),
    counting: unique.some(({ type }) => type.unique?.includes('++rows')) ? [{}] : [],
    making: unique.length > 0 ? [{}] : [],
    optional: optional.length > 0 ? [{ values: optional.join(', ') }] : [],
  }
}

// Enums and references filter, the name is searched.
function listValues(fields: readonly Field[]): TemplateValues {
  const quoted = (names: readonly string[]) => names.map((it) => `'${it}'`).join(', ')
  const enums = fields.filter(({ type }) => type.list === 'filter')
  const filters = fields.filter((it) => it.references !== undefined || enums.includes(it))
  const named = searchedField(fields)
  const searched = named === undefined ? [] : [{ name: named.name }]
  return {
    enums: enums.map(({ name }) => ({ name })),
    filtering: filters.length > 0 ? [{}] : [],
    filters: quoted(filters.map(({ name }) => name)),
    searched,
    sorts: ["['-created_at', 'id']", ...searched.map(({ name }) => `'${name}'`)].join(', '),
  }
}
