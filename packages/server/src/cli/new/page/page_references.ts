import { z } from 'zod'
import type { pageOf } from '../../../app/list.ts'
import type { Route } from '../../../app/route.ts'
import { OperatorError } from '../../../lib/operator_error.ts'
import type { Field } from '../fields/fields.ts'
import { camel, type Names, pathOf } from '../names.ts'
import type { Nesting } from '../nesting.ts'
import { searchedField } from '../searched_field.ts'

/** How a page chooses and names the rows of a table that a field refers to. */
export interface PageReference {
  /** The noun of the rows, which is their table. */
  table: string
  /** The constant of the page: `projectReference`. */
  identifier: string
  list: string
  item: string
  access: string
  /** Does the list take `q`? */
  search: boolean
  /** The name of a row, as TypeScript. */
  label: string
}

/**
 * What the fields of a page refer to. A table without a list of all its rows, or without a route for one row, is left
 * out. Throws an OperatorError where that is the table of the rows that a nested page is below.
 */
export function pageReferences(
  names: Names,
  fields: readonly Field[],
  routes: readonly Route[],
  nesting?: Nesting,
): PageReference[] {
  const tables = new Set(fields.flatMap(({ references }) => references ?? []))
  const found = [...tables].flatMap((table) => {
    if (table !== names.plural) return referenceTo(table, routes) ?? []
    return nesting === undefined ? ownReference(names, fields) : []
  })
  if (nesting === undefined || found.some(({ table }) => table === nesting.table)) return found
  const { table } = nesting
  throw new OperatorError(
    `--page is opened from the list of ${table}, and there is no GET ${pathOf(table)}: leave --page out`,
  )
}

function referenceTo(table: string, routes: readonly Route[]): PageReference | undefined {
  const path = pathOf(table)
  const gets = routes.filter(({ method }) => method === 'GET')
  const list = gets.find((it) => it.path === path && it.list !== undefined)
  const parameter = gets.map((it) => memberOf(path, it.path)).find((it) => it !== undefined)
  const row = list?.reply instanceof z.ZodObject ? rowOf(list.reply) : undefined
  if (list === undefined || row === undefined || parameter === undefined) return undefined
  return {
    table,
    identifier: identifierOf(parameter.replace(/_id$/, '')),
    list: path,
    item: `${path}/{${parameter}}`,
    access: list.access === 'public' ? 'member' : list.access,
    search: (list.list?.q.length ?? 0) > 0,
    label: labelOf(row, list.list?.q ?? []),
  }
}

// A table that refers to itself: its routes are written together with the page.
function ownReference(names: Names, fields: readonly Field[]): PageReference {
  const { plural, singular, path } = names
  const searched = searchedField(fields)
  return {
    table: plural,
    identifier: identifierOf(singular),
    list: path,
    item: `${path}/{${singular}_id}`,
    access: `${plural}:read`,
    search: searched !== undefined,
    label: `it.${searched?.name ?? 'id'}`,
  }
}

/** `project_id` of `/api/projects/:project_id`. */
function memberOf(collection: string, path: string): string | undefined {
  const [, parameter] = /^\/:(\w+)$/.exec(path.slice(collection.length)) ?? []
  return path.startsWith(collection) ? parameter : undefined
}

function rowOf(reply: z.ZodObject): z.ZodObject | undefined {
  const { items } = reply.shape as Partial<ReturnType<typeof pageOf>['shape']>
  return items?.element instanceof z.ZodObject ? items.element : undefined
}

// What people call a row: its name or title, else what the list searches, else its first text, else its id.
function labelOf(row: z.ZodObject, searched: readonly string[]): string {
  const texts = Object.entries<z.ZodType>(row.shape).filter(([, it]) => textOf(it) !== undefined)
  const names = texts.map(([name]) => name)
  const wanted = ['name', 'title', ...searched, ...searched.map((it) => it.replace(/_key$/, ''))]
  const name = wanted.find((it) => names.includes(it)) ?? names[0]
  if (name === undefined) return 'it.id'
  return row.shape[name]?.safeParse(null).success ? `it.${name} ?? ''` : `it.${name}`
}

function textOf(schema: z.ZodType): z.ZodString | undefined {
  if (schema instanceof z.ZodNullable) return textOf(schema.unwrap() as z.ZodType)
  return schema instanceof z.ZodString ? schema : undefined
}

function identifierOf(singular: string): string {
  return `${camel(singular)}Reference`
}
