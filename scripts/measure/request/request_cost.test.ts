import { expect, test } from 'vitest'
import { judge, requestCost } from './request_cost.ts'

test('files and calls before the handler are bounded, those after it are not', () => {
  const files = (count: number, calls: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, at) => [`${at}.ts`, calls]))
  expect(judge({ before: { ...files(21, 4), '0.ts': 10 }, after: files(30, 9) }).faults).toEqual([])
  expect(judge({ before: { ...files(21, 4), '0.ts': 11 }, after: {} }).faults).toEqual([
    '91 calls before the handler; at most 90',
  ])
  expect(judge({ before: files(22, 1), after: {} }).faults).toEqual([
    '22 files before the handler; at most 21',
  ])
})

test('a real request stays within the limits, and its counts cover the handler', async () => {
  const { line, faults, details } = await requestCost()
  expect(faults).toEqual([])
  const numbers = /(\d+) calls in (\d+) files before the handler, (\d+) in (\d+) overall/.exec(line)
  const [calls = 0, files = 0, allCalls = 0, allFiles = 0] = numbers?.slice(1).map(Number) ?? []
  expect(calls).toBeGreaterThan(files)
  expect(allCalls).toBeGreaterThan(calls)
  expect(allFiles).toBeGreaterThan(files)
  expect(details).toContain('starter/src/projects/projects.ts: 0 calls before, 1 after')
  expect(details).toContainEqual(expect.stringMatching(/\/http\/server\.ts: [1-9]/))
})
