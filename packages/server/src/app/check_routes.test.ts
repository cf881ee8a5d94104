import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { checkRoutes } from './check_routes.ts'
import { definePolicy } from './policy.ts'
import type { Route } from './route.ts'

const policy = definePolicy({
  resources: { projects: ['read', 'create'] },
  roles: { boss: { description: '', permissions: ['*'] } },
})
const { get, post } = policy.routes<never>()
const read = get('/api/projects', { access: 'projects:read', summary: '', handle: () => undefined })
const write = post('/api/projects', {
  access: 'projects:create',
  summary: '',
  handle: () => undefined,
})

/** A route that the compiler was talked out of checking. */
const smuggled = (route: Route, changes: object): Route => ({ ...route, ...changes })

function faultsOf(...routes: Route[]): string {
  try {
    checkRoutes(routes, policy)
    return ''
  } catch (error) {
    return String(error)
  }
}

describe('a server refuses to start with (AUTHZ-1)', () => {
  const name = z.string()
  const open = 'lets unknown fields in'
  const leaky = 'lets unlisted fields out'

  test.each<[string, object, string]>([
    ['no access', { access: undefined }, 'has no access'],
    ['empty access', { access: '' }, 'has no access'],
    ['access that is no word', { access: ['public'] }, 'has no access'],
    ['an unknown permission', { access: 'projects:delete' }, 'is no permission'],
    ['a pattern for access', { access: 'projects:*' }, 'is no permission'],
    ['"*" for access', { access: '*' }, 'is no permission'],
    ['a word that is almost public', { access: 'Public' }, 'is no permission'],
    ['an unknown role', { access: 'role:janitor' }, 'the role "janitor"'],
    ['no role at all', { access: 'role:' }, 'the role ""'],
    ['a role that every object inherits', { access: 'role:constructor' }, 'the role "constructor"'],
    ['rows on a route that is not public', { rows: 'why' }, 'which is for public routes'],
    ['rows without a reason', { access: 'public', rows: ' ' }, 'rows without a reason'],
    [
      'a public write of rows without an audit name',
      { method: 'POST', access: 'public', rows: 'why', audit: undefined },
      'without an audit name',
    ],
    ['an open body', { body: z.object({ name }) }, open],
    ['a loose body', { body: z.looseObject({ name }) }, open],
    ['an open object in the body', { body: z.strictObject({ a: z.object({ name }) }) }, open],
    [
      'an open object in a list',
      { body: z.strictObject({ a: z.array(z.object({ name })) }) },
      open,
    ],
    ['one open choice', { body: z.union([z.strictObject({ name }), z.object({ name })]) }, open],
    ['an open body that may be absent', { body: z.object({ name }).optional() }, open],
    [
      'a text for a boolean',
      { query: z.object({ a: z.coerce.boolean().optional() }) },
      'stringbool',
    ],
    ['one in a form', { media: 'form', body: z.object({ a: z.coerce.boolean() }) }, 'stringbool'],
    ['a loose reply', { reply: z.looseObject({ name }) }, leaky],
    [
      'a loose object in the reply',
      { reply: z.object({ a: z.array(z.looseObject({ name })) }) },
      leaky,
    ],
    ['a path parameter without a schema', { path: '/api/projects/:id' }, 'no params schema'],
  ])('%s', (_, changes, fault) => {
    expect(faultsOf(smuggled(write, changes))).toContain(fault)
    expect(faultsOf(write)).toBe('')
  })

  test('a write that nothing would audit', () => {
    const silent = smuggled(write, { access: 'member', audit: undefined })
    expect(faultsOf(silent)).toContain('without an audit name')
    expect(faultsOf(smuggled(silent, { method: 'GET' }))).toBe('')
  })

  test('two routes for one path, however its parameters are called', () => {
    const params = z.object({})
    const [one, other] = [
      smuggled(read, { path: '/api/a/:x', params }),
      smuggled(read, { path: '/api/a/:y', params }),
    ]
    expect(faultsOf(one, other)).toContain('two routes have this path')
    expect(faultsOf(one, smuggled(other, { method: 'DELETE', audit: 'a.delete' }))).toBe('')
  })

  test('and names every fault at once, each with its route', () => {
    const faults = faultsOf(smuggled(write, { access: '', body: z.object({ name }) }), read, read)
    expect(faults.split('\n')).toEqual([
      'OperatorError: bad routes:',
      expect.stringMatching(/^ {2}POST \/api\/projects: has no access/),
      expect.stringMatching(/^ {2}POST \/api\/projects: its body/),
      expect.stringMatching(/^ {2}GET \/api\/projects: two routes/),
    ])
  })
})

test('what a route may say is let through (AUTHZ-1)', () => {
  const body = z.strictObject({
    state: z.enum(['OPEN', 'CLOSED']),
    tags: z.array(z.string()).default([]),
    labels: z.record(z.string(), z.string()).optional(),
  })
  const reply = z.object({ meta: z.record(z.string(), z.unknown()) })
  expect(faultsOf(smuggled(write, { body, reply }))).toBe('')
  // The OAuth2 form ignores what it does not know (RFC 6749, 3.2).
  expect(faultsOf(smuggled(write, { media: 'form', body: z.object({ name: z.string() }) }))).toBe(
    '',
  )
  for (const access of ['public', 'member', 'role:boss']) {
    expect(faultsOf(smuggled(write, { access }))).toBe('')
  }
})
