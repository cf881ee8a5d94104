import { expect, test } from 'vitest'
import { unexcepted } from './exceptions.ts'

const found = [
  'GET /api/found/:id: ?project_id= with an id of another tenant answers 200',
  'GET /api/found/:id: ?name= with a name of another tenant answers 200',
]

test('an exception excuses the one fault that it names, with or without the colon', () => {
  for (const key of [
    'isolation GET /api/found/:id ?project_id=',
    'isolation GET /api/found/:id: ?project_id= with an id of another tenant',
  ]) {
    expect(unexcepted('isolation', found, { [key]: 'a shared catalogue' })).toEqual([found[1]])
  }
})

test('an exception as wide as a route excuses nothing and is a fault', () => {
  const exceptions = { 'isolation GET /api/found/:id': 'it is public' }
  expect(unexcepted('isolation', found, exceptions)).toEqual([
    ...found,
    'isolation GET /api/found/:id: this exception is too wide, it must excuse one fault; ' +
      "name the fault: 'isolation GET /api/found/:id: ?project_id= with an id of another tenant'",
  ])
  expect(unexcepted('isolation', found.slice(0, 1), exceptions)).toHaveLength(2)
})

test('an exception of another check, of part of a word, or without a fault excuses nothing', () => {
  expect(unexcepted('audit', found, { 'isolation GET /api/found/:id ?project_id=': 'x' })).toEqual(
    found,
  )
  expect(unexcepted('lint', ['L1 notes: has no policy'], { 'lint L1 note': 'x' })).toEqual([
    'L1 notes: has no policy',
    'lint L1 note: this exception is not needed; remove it',
  ])
  expect(unexcepted('lint', ['L1 notes: has no policy'], { 'lint L1 notes': 'x' })).toEqual([])
})

test('an exception needs a reason and a check', () => {
  expect(unexcepted('isolation', found, { 'isolation GET /api/found/:id ?name=': ' ' })).toContain(
    'isolation GET /api/found/:id ?name=: this exception has no reason; give one',
  )
  expect(unexcepted('audit', [], { 'GET /a': 'it is public' }).join()).toContain('names no check')
})
