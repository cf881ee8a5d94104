import { expect, test } from 'vitest'
import { newId } from './ids.ts'

test('an id is a UUIDv7 of now, and above the one before', () => {
  const before = Date.now()
  const ids = Array.from({ length: 10_000 }, newId)
  for (const id of ids)
    expect(id).toMatch(/^[\da-f]{8}-[\da-f]{4}-7[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/)
  expect(ids).toEqual([...new Set(ids)].toSorted())
  const time = Number.parseInt(ids[0]?.replace('-', '').slice(0, 12) ?? '', 16)
  expect(time).toBeGreaterThanOrEqual(before)
  expect(time).toBeLessThanOrEqual(Date.now())
})
