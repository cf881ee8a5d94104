import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { checkRoutes } from './check_routes.ts'
import { definePolicy } from './policy.ts'
import { file } from './replies.ts'
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

/** A route with properties that the compiler would reject. */
const unchecked = (route: Route, changes: object): Route => ({ ...route, ...changes })

function faultsOf(...routes: Route[]): string {
  try {
    checkRoutes(routes, policy)
    return ''
  } catch (error) {
    return String(error)
  }
}

describe('a server does not start with (AUTHZ-1)', () => {
  const name = z.string()
  const open = 'accepts unknown fields'
  const leaky = 'may return unlisted fields'

  test.each<[string, object, string]>([
    ['no access', { access: undefined }, 'has no access'],
    ['empty access', { access: '' }, 'has no access'],
    ['access that is not a string', { access: ['public'] }, 'has no access'],
    ['an unknown permission', { access: 'projects:delete' }, 'is not a permission'],
    ['a pattern for access', { access: 'projects:*' }, 'is not a permission'],
    ['"*" for access', { access: '*' }, 'is not a permission'],
    ['access that differs from public only in case', { access: 'Public' }, 'is not a permission'],
    ['assurance on a public route', { access: 'public', assurance: true }, 'is for writes'],
    ['assurance without a password in the body', { assurance: true }, 'no current_password'],
    ['an unknown role', { access: 'role:janitor' }, 'the role "janitor"'],
    ['an empty role', { access: 'role:' }, 'the role ""'],
    [
      'a role named like a property of every object',
      { access: 'role:constructor' },
      'the role "constructor"',
    ],
    ['rows on a route that is not public', { rows: 'why' }, 'which is only for public routes'],
    ['rows without a reason', { access: 'public', rows: ' ' }, 'rows without a reason'],
    [
      'a public write of rows without an audit name',
      { method: 'POST', access: 'public', rows: 'why', audit: undefined },
      'without an audit name',
    ],
    [
      'a file of members that caches may keep',
      { sends: file({ types: ['image/png'], maxAge: 60 }) },
      'which caches give to anyone',
    ],
    ['the cookies of a request', { headers: z.object({ cookie: name }) }, 'header "cookie"'],
    ['its token', { headers: z.object({ authorization: name }) }, 'header "authorization"'],
    ['a header in upper case', { headers: z.object({ 'X-Id': name }) }, 'its name in lower case'],
    ['headers that are no object', { headers: name }, 'are no object'],
    ["the kernel's cookie", { appCookies: z.object({ tenantry: name }) }, "the kernel's"],
    ['its other one', { appCookies: z.object({ 'tenantry-dev': name }) }, "the kernel's"],
    ['a cookie with a prefix', { appCookies: z.object({ '__Host-a': name }) }, 'such as "theme"'],
    ['a reply of anything', { reply: z.any() }, 'may return anything;'],
    [
      'anything deep in a reply',
      { reply: z.object({ items: z.array(z.object({ a: z.unknown() })) }) },
      'may return anything at items.a;',
    ],
    [
      'any field in a reply',
      { reply: z.object({ a: z.record(z.string(), z.string()) }) },
      'may return anything at a;',
    ],
    ['an empty audit name', { method: 'POST', audit: ' ' }, 'is not like "invoices.send"'],
    ['an open body', { body: z.object({ name }) }, open],
    ['a loose body', { body: z.looseObject({ name }) }, open],
    ['an open object in the body', { body: z.strictObject({ a: z.object({ name }) }) }, open],
    [
      'an open object in a list',
      { body: z.strictObject({ a: z.array(z.object({ name })) }) },
      open,
    ],
    [
      'an open object in a union',
      { body: z.union([z.strictObject({ name }), z.object({ name })]) },
      open,
    ],
    ['an open optional body', { body: z.object({ name }).optional() }, open],
    ['a coerced boolean', { query: z.object({ a: z.coerce.boolean().optional() }) }, 'stringbool'],
    [
      'a coerced boolean in a form',
      { media: 'form', body: z.object({ a: z.coerce.boolean() }) },
      'stringbool',
    ],
    ['a loose reply', { reply: z.looseObject({ name }) }, leaky],
    [
      'a loose object in the reply',
      { reply: z.object({ a: z.array(z.looseObject({ name })) }) },
      leaky,
    ],
    ['a path parameter without a schema', { path: '/api/projects/:id' }, 'no params schema'],
  ])('%s', (_, changes, fault) => {
    expect(faultsOf(unchecked(write, changes))).toContain(fault)
    expect(faultsOf(write)).toBe('')
  })

  test('a write without an audit name', () => {
    const unaudited = unchecked(write, { access: 'member', audit: undefined })
    expect(faultsOf(unaudited)).toContain('without an audit name')
    expect(faultsOf(unchecked(unaudited, { method: 'GET' }))).toBe('')
  })

  test('two routes for one path, even if the parameters have different names', () => {
    const params = z.object({})
    const [one, other] = [
      unchecked(read, { path: '/api/a/:x', params }),
      unchecked(read, { path: '/api/a/:y', params }),
    ]
    expect(faultsOf(one, other)).toContain('two routes have this path')
    expect(faultsOf(one, unchecked(other, { method: 'DELETE', audit: 'a.delete' }))).toBe('')
  })

  test('several faults, and reports all of them with their routes', () => {
    const faults = faultsOf(unchecked(write, { access: '', body: z.object({ name }) }), read, read)
    expect(faults.split('\n')).toEqual([
      'OperatorError: bad routes:',
      expect.stringMatching(/^ {2}POST \/api\/projects: has no access/),
      expect.stringMatching(/^ {2}POST \/api\/projects: its body/),
      expect.stringMatching(/^ {2}GET \/api\/projects: two routes/),
    ])
  })
})

test('valid routes are accepted (AUTHZ-1)', () => {
  const body = z.strictObject({
    state: z.enum(['OPEN', 'CLOSED']),
    tags: z.array(z.string()).default([]),
    labels: z.record(z.string(), z.string()).optional(),
  })
  const meta = z.record(z.string(), z.unknown()).meta({ 'x-open': 'details of its own' })
  const reply = z.object({ meta })
  expect(faultsOf(unchecked(write, { body, reply }))).toBe('')
  // The OAuth2 form ignores unknown fields (RFC 6749, 3.2).
  expect(faultsOf(unchecked(write, { media: 'form', body: z.object({ name: z.string() }) }))).toBe(
    '',
  )
  for (const access of ['public', 'member', 'role:boss']) {
    expect(faultsOf(unchecked(write, { access }))).toBe('')
  }
})
