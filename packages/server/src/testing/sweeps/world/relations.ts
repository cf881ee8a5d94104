import { sql } from 'kysely'
import { z } from 'zod'
import { flatCollection } from '../../../app/flat_collection.ts'
import type { Route } from '../../../app/route.ts'
import type { TestApp } from '../../test_app.ts'
import { collectionsIn } from './paths.ts'

/** The references between collections, by the foreign keys of the catalog. */
export interface Relations {
  /** The collections that fields refer to, by the name of the field. */
  fieldsOf(route: Route): Map<string, string>
  /** Higher than the rank of any collection that this one refers to. */
  rankOf(collection: string): number
}

/** A column that refers to a row of another table; not its tenant. */
export interface Reference {
  child: string
  column: string
  parent: string
}

/** Reads the relations of an app from its database. A table has the name of its collection. */
export async function readRelations({ database, running }: TestApp): Promise<Relations> {
  const { rows } = await database.asIdentity({ deadline: 'background' }, (db) =>
    referencesSql.execute(db),
  )
  return relationsOf(rows, running.routes)
}

/** The relations that follow from foreign keys and routes. */
export function relationsOf(references: readonly Reference[], routes: readonly Route[]): Relations {
  const collections = new Map(
    [...new Set(routes.flatMap(collectionsOf))]
      .toSorted((a, b) => b.length - a.length)
      .map((collection) => [tableOf(collection), collection]),
  )
  const fieldsOf = (route: Route) => fieldsIn(references, collections, tableOf(route.path))
  const parentsOf = (collection: string) => {
    const creator = routes.find((it) => isCreator(it) && collectionOf(it, routes) === collection)
    const fields = creator === undefined ? new Map() : fieldsOf(creator)
    const named = namesIn(creator?.body).map((name) => fields.get(name))
    return [...named, ...collectionsIn(creator?.path ?? collection)].filter(
      (it) => it !== undefined,
    )
  }
  const rankOf = (collection: string, below: readonly string[] = []): number => {
    if (below.includes(collection)) return 0
    const ranks = parentsOf(collection).map((it) => rankOf(it, [...below, collection]))
    return 1 + Math.max(-1, ...ranks)
  }
  return { fieldsOf, rankOf: (collection) => rankOf(collection) }
}

/** Does a route create an item of a collection, in a tenant? */
export function isCreator({ access, method, status }: Route): boolean {
  return method === 'POST' && status === 201 && access !== 'base'
}

/** Where the items that a route creates are: its path, or another one that only has the route of one item. */
export function collectionOf(route: Route, routes: readonly Route[]): string {
  return flatCollection(route, routes) ?? route.path
}

/** May a field of the body be null? The first item of a collection that refers to itself refers to none. */
export function acceptsNull({ body }: Route, field: string): boolean {
  const schema: z.ZodType | undefined = body instanceof z.ZodObject ? body.shape[field] : undefined
  return schema?.safeParse(null).success ?? false
}

// A column of the route's own table takes precedence over one of the same name elsewhere.
function fieldsIn(
  references: readonly Reference[],
  collections: ReadonlyMap<string, string>,
  table: string,
): Map<string, string> {
  const own = references.filter(({ child }) => child === table)
  const fields = new Map<string, string>()
  for (const { column, parent } of [...references, ...own]) {
    const collection = collections.get(parent)
    if (collection !== undefined) fields.set(column, collection)
  }
  return fields
}

function collectionsOf(route: Route): string[] {
  return [...collectionsIn(route.path), ...(isCreator(route) ? [route.path] : [])]
}

/** `purchase_orders` for `/api/purchase-orders/:purchase_order_id`. */
function tableOf(path: string): string {
  const named = path.split('/').findLast((part) => !part.startsWith(':'))
  return named?.replaceAll('-', '_') ?? ''
}

function namesIn(body: z.ZodType | undefined): string[] {
  return body instanceof z.ZodObject ? Object.keys(body.shape) : []
}

const referencesSql = sql<Reference>`
  select child.relname as child, a.attname as column, parent.relname as parent
  from pg_constraint con
  join pg_class child on child.oid = con.conrelid
  join pg_namespace n on n.oid = child.relnamespace
  join pg_class parent on parent.oid = con.confrelid and parent.relname <> 'tenants'
  join pg_attribute a on a.attrelid = con.conrelid and a.attnum = any (con.conkey)
    and a.attname <> 'tenant_id'
  where con.contype = 'f' and n.nspname in ('public', 'tenantry')
  order by child.relname, con.conname`
