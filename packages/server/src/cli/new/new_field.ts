import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { OperatorError } from '../../lib/operator_error.ts'
import { findApp } from '../../runtime/load_app.ts'
import { assertConstraintNames, assertReferences } from './assert_free.ts'
import { type Changes, editOf } from './changes.ts'
import { columnLine, exampleLine, schemaInsertions } from './fields/field_insertions.ts'
import { fieldMigrations } from './fields/field_migrations.ts'
import { type Field, parseFields } from './fields/fields.ts'
import { constraintLine } from './insertions.ts'
import { type Names, namesOf } from './names.ts'
import { type Places, placesOf } from './places.ts'
import { printChanges, write } from './report_changes.ts'

interface NewFieldOptions {
  singular?: string
  dryRun?: boolean
}

/** `tenantry new field`. */
export function newField(plural: string, text: string, options: NewFieldOptions): void {
  const folder = process.cwd()
  const places = placesOf(folder, findApp(folder))
  const changes = fieldChanges(plural, text, places, options.singular)
  if (options.dryRun) {
    printChanges(changes, places)
    return
  }
  write(changes, places)
  console.log(`\nNext, in ${folder}:\n${nextSteps}`)
}

/** The changes that a field makes. Reads only. Throws an OperatorError for one that cannot be added. */
export function fieldChanges(
  plural: string,
  text: string,
  places: Places,
  singular?: string,
): Changes {
  // Before the name is judged: a mistyped one has no singular either.
  assertResource(plural, places)
  const names = namesOf(plural, singular)
  const [field, another] = parseFields(text)
  if (field === undefined || another !== undefined) {
    throw new OperatorError(`"${text}" is not one field: write name:type?, such as due_on:date?`)
  }
  assertConstraintNames(names, [field])
  assertReferences(names, [field], places)
  assertForRows(field)
  const module = join(places.source, plural, plural)
  const schema = `${module}.schema.ts`
  assertNew(names, field, schema)
  const files = fieldMigrations(plural, field, places)
  return {
    files,
    edits: [
      editOf(schema, schemaInsertions(names, field)),
      editOf(`${module}.ts`, [columnLine(field.name)]),
      editOf(`${module}.test.ts`, [exampleLine(field)]),
      ...(field.unique ? [editOf(places.app, [constraintLine(names, field)])] : []),
      ...pageByHand(names, field, places),
    ],
  }
}

// The rows that exist have no value, and the previous version, which still runs, writes none.
function assertForRows({ name, nullable, default: literal, kind }: Field): void {
  if (nullable || literal !== undefined) return
  throw new OperatorError(
    `"${name}" needs a value for the rows that exist: write ${name}:${kind}? for null, or ${name}:${kind}=value`,
  )
}

function assertResource(plural: string, { source }: Places): void {
  const isResource = (name: string) => existsSync(join(source, name, `${name}.schema.ts`))
  if (isResource(plural)) return
  const all = readdirSync(source).filter(isResource)
  throw new OperatorError(
    `there is no src/${plural}/${plural}.schema.ts: write the plural of a resource, ${all.length > 0 ? all.join(', ') : 'after "tenantry new resource" wrote one'}`,
  )
}

function assertNew({ plural, singular }: Names, { name }: Field, schema: string): void {
  if (!new RegExp(`\\b${name}\\b\\s*[:,]`).test(readFileSync(schema, 'utf8'))) return
  throw new OperatorError(
    `"${plural}" has a field "${name}" already: write another name, such as ${singular}_${name}`,
  )
}

// A page is changed too much by hand to be edited without reading it.
function pageByHand({ plural }: Names, { name }: Field, { web }: Places) {
  const path = join(web, plural, `${plural}.page.tsx`)
  if (!existsSync(path)) return []
  const line = `"${name}" in useColumns, blank, valuesOf, bodyOf and the form, and its text in web/locales`
  return [{ path, lines: [], byHand: [line] }]
}

const nextSteps = `  npm run generate        # the types of the table, the operations in openapi.json
  npm test -- -u          # its tests, and the records: read their difference`
