import { expect, test } from 'vitest'
import { dependencyOrder } from './dependency_order.ts'

const order = (waiting: Record<string, string[]>) =>
  dependencyOrder(Object.keys(waiting), (item, other) => waiting[item]?.includes(other) === true)

test('an item comes after all that it waits for', () => {
  expect(order({ a: ['b', 'c'], b: ['c'], c: [], d: [] })).toEqual(['c', 'd', 'b', 'a'])
})

test('items in a circle are kept, each once', () => {
  expect(order({ a: ['b'], b: ['a'], c: ['a'], d: [] })).toEqual(['d', 'a', 'b', 'c'])
})
