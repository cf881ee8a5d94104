import type { Route } from '../../app/route.ts'
import { OperatorError } from '../../lib/operator_error.ts'
import type { Field } from './fields/fields.ts'
import { camel, type Names, pathOf, spaced } from './names.ts'

/** Where the list of a nested resource is: below one row of the table that it refers to. */
export interface Nesting {
  /** The field that refers to that row. */
  field: Field
  table: string
  /** The parameter of its path: `project_id`. */
  parameter: string
  /** The same as an identifier: `projectId`. */
  argument: string
  /** In a sentence: `project`. */
  parentWord: string
  /** `/api/projects/:project_id/tasks` */
  path: string
}

/** Throws an OperatorError that says what to write instead of `--under`. */
export function nestingOf(
  names: Names,
  fields: readonly Field[],
  under: string,
  routes: readonly Route[],
): Nesting {
  assertResource(under, routes)
  const field = fieldUnder(names, fields, under)
  const parent = pathOf(under)
  const route = routes.find(
    ({ method, path }) => method === 'GET' && /^\/:\w+$/.test(restOf(path, parent)),
  )
  if (route === undefined) {
    throw new OperatorError(
      `--under ${under} needs a route of one row: write GET ${parent}/:${field.name} first, or leave --under out`,
    )
  }
  const parameter = route.path.slice(parent.length + 2)
  return {
    field,
    table: under,
    parameter,
    argument: camel(parameter),
    parentWord: spaced(parameter.replace(/_id$/, '')),
    path: `${route.path}${names.path.replace('/api', '')}`,
  }
}

// A mistyped one: `project` for projects.
function assertResource(under: string, routes: readonly Route[]): void {
  const paths = routes.map(({ path }) => /^\/api\/([\w-]+)(?=\/:\w+$)/.exec(path)?.[1] ?? '')
  const nouns = [...new Set(paths)].map((it) => it.replaceAll('-', '_'))
  const near = nouns.filter((it) => it.startsWith(under) || `${it}s` === under)
  if (nouns.includes(under) || near.length === 0) return
  throw new OperatorError(`there is no resource "${under}": write --under ${near.join(' or ')}`)
}

function fieldUnder(names: Names, fields: readonly Field[], under: string): Field {
  const [field, another] = fields.filter(({ references }) => references === under)
  if (field === undefined) throw notUnder(names, fields, under)
  if (another !== undefined) {
    throw new OperatorError(
      `"${field.name}" and "${another.name}" both refer to ${under}: leave --under ${under} out`,
    )
  }
  if (field.nullable) {
    throw new OperatorError(
      `"${field.name}" may be null, and what is under ${under} belongs to one: write ${field.name}:references:${under}`,
    )
  }
  if (fields.length === 1) {
    throw new OperatorError(
      `a resource under ${under} needs a field of its own: --fields "name:text ${field.name}:references:${under}"`,
    )
  }
  return field
}

function notUnder(names: Names, fields: readonly Field[], under: string): OperatorError {
  const tables = fields.flatMap(({ references }) => references ?? [])
  const referred = tables.find((it) => it !== names.plural)
  const instead =
    referred === undefined
      ? `add one to --fields, such as parent_id:references:${under}`
      : `write --under ${referred}`
  return new OperatorError(`no field refers to "${under}": ${instead}`)
}

function restOf(path: string, start: string): string {
  return path.startsWith(start) ? path.slice(start.length) : ''
}
