import { z } from 'zod'
import type { Route } from '../../../app/route.ts'
import type { TestReply } from '../../http_client.ts'
import { nameOf, pathIn, type World } from '../world/world.ts'

/** A query of a list, and what it means for the items of the whole list. */
interface Variant {
  query: string
  /** The query of the reverse order. */
  reverse?: string
  /** The name and value that each item must have. */
  filter?: readonly [name: string, value: unknown]
}

type Item = Record<string, unknown>

/** The queries that the plans of a list are explained for: each order, filter and search. */
export async function listQueries(world: World, route: Route): Promise<string[]> {
  const [item] = (await read(world, route, '')).items
  return variantsOf(route, item).map(({ query }) => query)
}

/**
 * Reads every list of tenant A in each order, page by page, and with each filter. The pages must hold each
 * item once, in one order and its reverse; a filter must hold; the total must be that of the items.
 */
export async function listFaults(world: World): Promise<string[]> {
  const faults: string[] = []
  // A rejection of the preparations may still be written to the audit log.
  await world.api.running.settle()
  for (const route of world.routes.filter(({ list, method }) => list && method === 'GET')) {
    const { items } = await read(world, route, '')
    for (const variant of variantsOf(route, items[0])) {
      const fault = await variantFault(world, route, variant, items)
      if (fault !== undefined) faults.push(`${nameOf(route)}?${variant.query}: ${fault}`)
    }
  }
  return faults
}

function variantsOf({ query, list }: Route, item: Item | undefined): Variant[] {
  const shape: Record<string, unknown> = query instanceof z.ZodObject ? query.shape : {}
  const sorts = ordersOf(list).map(([sort, reverse]) => ({
    query: `sort=${sort}`,
    reverse: `sort=${reverse}`,
  }))
  const filters = Object.keys(list?.filters ?? {}).flatMap((name) => {
    const value = item?.[name]
    if (value === undefined || value === null) return []
    return [
      { query: `${name}=${encodeURIComponent(String(value))}`, filter: [name, value] as const },
    ]
  })
  const searches = 'q' in shape ? [{ query: 'q=a' }, { query: 'q=zz%F0%9F%98%80' }] : []
  return [...sorts, ...filters, ...searches]
}

async function variantFault(
  world: World,
  route: Route,
  { query, reverse, filter }: Variant,
  all: readonly Item[],
): Promise<string | undefined> {
  const { reply, items, total } = await read(world, route, query)
  if (reply.status !== 200) return `answers ${reply.status} ${reply.text.slice(0, 200)}`
  // Another page may exist: how a list goes on is the same for any number of items.
  if (total > 100) return undefined
  if (total !== items.length) return `has ${items.length} items and the total ${total}`
  const paged = await pagesOf(world, route, query, items.length)
  if (String(paged) !== String(items.map(idOf)))
    return 'has other items in small pages than in one page'
  if (reverse !== undefined) return orderFault(world, route, { reverse, items, all })
  const wrong = filter === undefined ? [] : items.filter((it) => it[filter[0]] !== filter[1])
  return wrong.length === 0 ? undefined : 'has items that the filter excludes'
}

interface Sorted {
  reverse: string
  items: readonly Item[]
  all: readonly Item[]
}

async function orderFault(world: World, route: Route, { reverse, items, all }: Sorted) {
  if (items.length !== all.length) return 'leaves items out'
  const back = (await read(world, route, reverse)).items
  const isReverse = String(back.map(idOf).toReversed()) === String(items.map(idOf))
  return isReverse ? undefined : `is not the reverse of ?${reverse}`
}

// Two by two: the end of a page falls between equal items.
async function pagesOf(world: World, route: Route, query: string, expected: number) {
  const ids: unknown[] = []
  let cursor = ''
  for (let page = 0; page <= expected; page++) {
    const { json } = await ask(world, route, `${query}&limit=2${cursor}`)
    ids.push(...(json?.items ?? []).map(idOf))
    if (typeof json?.next_cursor !== 'string') break
    cursor = `&cursor=${json.next_cursor}`
  }
  return ids
}

async function read(world: World, route: Route, query: string) {
  const reply = await ask(world, route, `${query}&limit=100&count=true`)
  const items: Item[] = reply.json?.items ?? []
  return { reply, items, total: Number(reply.json?.total) }
}

function ask(world: World, route: Route, query: string): Promise<TestReply> {
  const { tenant, admin } = world.a
  return tenant.send({ path: `${pathIn(route, world.a)}?${query.replace(/^&/, '')}`, user: admin })
}

function idOf({ id }: Item): unknown {
  return id
}

// Each order once: `name,id` is the order of `name`.
function ordersOf(list: Route['list']): [sort: string, reverse: string][] {
  const texts = new Map<string, string>()
  for (const [sort, keys] of Object.entries(list?.sorts ?? {})) {
    const order = JSON.stringify(keys)
    if (!texts.has(order)) texts.set(order, sort)
  }
  return [...texts.values()].map((sort) => [sort, reverseOf(sort)])
}

function reverseOf(sort: string): string {
  const terms = sort.split(',')
  return terms.map((it) => (it.startsWith('-') ? it.slice(1) : `-${it}`)).join()
}
