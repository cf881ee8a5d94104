import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import type { Route } from '../../../app/route.ts'
import { relationsOf } from './relations.ts'

const route = (path: `/${string}`, body: z.ZodType = z.object({})): Route => ({
  method: 'POST',
  path,
  access: 'public',
  summary: '',
  status: 201,
  errors: [],
  body,
  media: 'json',
  denial: '',
  revokes: false,
  single: false,
  person: false,
  assurance: false,
  cookies: false,
  handle: () => undefined,
})

const references = [
  { child: 'order_lines', column: 'order_id', parent: 'orders' },
  { child: 'orders', column: 'customer_id', parent: 'people' },
  { child: 'orders', column: 'placed_by', parent: 'users' },
  { child: 'people', column: 'parent_id', parent: 'people' },
  { child: 'notes', column: 'parent_id', parent: 'orders' },
]

const lines = route('/api/order-lines', z.object({ order_id: z.uuid(), amount: z.int() }))
const orders = route('/api/orders', z.object({ customer_id: z.uuid() }))
const people = route('/api/people', z.object({ parent_id: z.uuid() }))
const member = {
  ...route('/api/order-lines/:order_line_id'),
  method: 'PATCH',
  status: 200,
} as const
const nested = route('/api/orders/:order_id/notes')
const { fieldsOf, rankOf } = relationsOf(references, [lines, orders, people, member, nested])

describe('the relations of the sweeps', () => {
  test('are those of the catalog, by the names of the collections', () => {
    expect(fieldsOf(lines).get('order_id')).toBe('/api/orders')
    expect(fieldsOf(member).get('order_id')).toBe('/api/orders')
    expect(fieldsOf(orders).get('customer_id')).toBe('/api/people')
    expect(fieldsOf(orders).get('placed_by')).toBeUndefined()
  })

  test('of the own table take precedence over a column of the same name elsewhere', () => {
    expect(fieldsOf(people).get('parent_id')).toBe('/api/people')
    expect(fieldsOf(nested).get('parent_id')).toBe('/api/orders')
  })

  test('include the path of a route that creates what has a path of its own', () => {
    const below = route('/api/orders/:order_id/order-lines')
    const flat = relationsOf(references, [below, orders, people, member])
    expect(flat.rankOf('/api/order-lines')).toBe(flat.rankOf('/api/orders') + 1)
  })

  test('rank a collection above those that it refers to, regardless of the length of the paths', () => {
    const ranks = [people, orders, lines, nested].map(({ path }) => rankOf(path))
    expect(ranks).toEqual([1, 2, 3, 3])
    expect(rankOf('/api/tags')).toBe(0)
  })
})
