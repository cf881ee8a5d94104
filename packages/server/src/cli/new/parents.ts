import { inspect } from 'node:util'
import { z } from 'zod'
import { flatCollection } from '../../app/flat_collection.ts'
import type { Route } from '../../app/route.ts'
import { OperatorError } from '../../lib/operator_error.ts'
import { sampleOf } from '../../lib/sample.ts'
import type { Field } from './fields/fields.ts'
import { camel, pathOf } from './names.ts'

/** A row that the test of a resource creates first, because the resource refers to it. */
export interface Parent {
  /** The path of its collection. */
  path: string
  /** The constant that holds its id: `projectId`. */
  identifier: string
  /** The URL that creates one, as TypeScript: below another row it names the id of that. */
  url: string
  /** A body that its route accepts, as TypeScript. */
  body: string
}

/**
 * The rows that the references among `fields` need, each after the rows that it refers to itself.
 * Throws an OperatorError for one that no route creates.
 */
export function parentsOf(
  plural: string,
  fields: readonly Field[],
  routes: readonly Route[],
): Parent[] {
  const parents = new Map<string, Parent>()
  for (const { name, references, nullable } of fields) {
    // A row that refers to another one of its own table has none at first.
    if (references === undefined || references === plural) continue
    const path = pathOf(references)
    addParent(parents, routes, path)
    if (parents.has(path) || nullable) continue
    throw new OperatorError(
      `"${name}" refers to ${references}, and the test has to create one: write the route ` +
        `POST ${path} first, with a body and status 201`,
    )
  }
  return [...parents.values()]
}

function addParent(
  parents: Map<string, Parent>,
  routes: readonly Route[],
  path: string,
  around: readonly string[] = [],
): void {
  const route = routeCreating(routes, path)
  if (parents.has(path) || !(route?.body instanceof z.ZodObject)) return
  const identifierOf = (name: string) => {
    const collection = collectionOf(routes, name)
    if (collection !== undefined && collection !== path && !around.includes(collection)) {
      addParent(parents, routes, collection, [...around, path])
    }
    return parents.get(collection ?? '')?.identifier
  }
  const above = namesIn(route.path).map(identifierOf)
  if (above.includes(undefined)) return
  const members = requiredFields(route.body).map(
    ([name, schema]) => `${name}: ${identifierOf(name) ?? literal(sampleOf(schema))}`,
  )
  parents.set(path, {
    path,
    identifier: camel(memberIdOf(routes, path)),
    url: urlOf(route.path, identifierOf),
    body: `{ ${members.join(', ')} }`,
  })
}

/** The POST of a collection, or the one below a row of another collection that creates its rows. */
function routeCreating(routes: readonly Route[], path: string): Route | undefined {
  const creating = routes.filter(({ method, status }) => method === 'POST' && status === 201)
  return (
    creating.find((it) => it.path === path) ??
    creating.find((it) => flatCollection(it, routes) === path)
  )
}

function namesIn(path: string): string[] {
  return [...path.matchAll(/:(\w+)/g)].map(([, name = '']) => name)
}

function urlOf(path: string, identifierOf: (name: string) => string | undefined): string {
  if (namesIn(path).length === 0) return `'${path}'`
  return `\`${path.replaceAll(/:(\w+)/g, (_, name: string) => `\${${identifierOf(name)}}`)}\``
}

function requiredFields(body: z.ZodObject): [string, z.ZodType][] {
  const fields = Object.entries<z.ZodType>(body.shape)
  return fields.filter(([, schema]) => !schema.safeParse(undefined).success)
}

/** The collection whose members have this name in a path: `/api/projects` for `project_id`. */
function collectionOf(routes: readonly Route[], name: string): string | undefined {
  const ending = `/:${name}`
  const route = routes.find(({ path }) => path.endsWith(ending))
  return route?.path.slice(0, -ending.length)
}

/** The other way round: `project_id` for `/api/projects`. */
function memberIdOf(routes: readonly Route[], collection: string): string {
  const start = `${collection}/:`
  const route = routes.find(({ path }) => path.startsWith(start))
  return route?.path.slice(start.length).split('/')[0] ?? 'parent_id'
}

function literal(value: unknown): string {
  return inspect(value, { depth: null, breakLength: Number.POSITIVE_INFINITY })
}
