import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { covers, definePolicy, kernelResources } from './policy.ts'

const policy = definePolicy({
  resources: { projects: ['read', 'update'] },
  roles: {
    all: { description: '', permissions: ['*'] },
    reader: { description: '', permissions: ['*:read'] },
    keeper: { description: '', permissions: ['projects:*'] },
    editor: { description: '', permissions: ['projects:update'] },
  },
})

describe('a policy', () => {
  test("lists every permission, including the kernel's, sorted", () => {
    const kernel = Object.entries(kernelResources).flatMap(([name, actions]) =>
      actions.map((it) => `${name}:${it}`),
    )
    expect(policy.permissions).toEqual([...kernel, 'projects:read', 'projects:update'].sort())
  })

  test('patterns expand to permissions of the catalogue only', () => {
    const of = (role: keyof typeof policy.roles) => [
      ...policy.expand(policy.roles[role].permissions),
    ]
    expect(of('all')).toEqual(policy.permissions)
    expect(of('reader')).toEqual(policy.permissions.filter((it) => it.endsWith(':read')))
    expect(of('keeper')).toEqual(['projects:read', 'projects:update'])
    expect(of('editor')).toEqual(['projects:update'])
    expect([...policy.expand(['projects:delete', 'x', '', ':', 'projects:', ':read'])]).toEqual([])
  })

  test.each([
    ['*', 'projects:read', true],
    ['*:*', 'projects:read', true],
    ['*:read', 'projects:read', true],
    ['projects:*', 'projects:read', true],
    ['projects:read', 'projects:read', true],
    ['projects', 'projects:read', false],
    ['projects:', 'projects:read', false],
    ['project:*', 'projects:read', false],
    ['*:rea', 'projects:read', false],
    ['projects:read:own', 'projects:read', false],
    ['projects:*:*', 'projects:read', false],
    ['PROJECTS:READ', 'projects:read', false],
    ['', 'projects:read', false],
  ])('%j covers %j: %s', (pattern, permission, covered) => {
    expect(covers(pattern, permission)).toBe(covered)
  })

  test('more grants never remove a permission', () => {
    const grant = fc.constantFrom('*', '*:read', 'projects:*', 'x', ...policy.permissions)
    fc.assert(
      fc.property(fc.array(grant), fc.array(grant), (some, more) => {
        const wider = policy.expand([...some, ...more])
        expect([...policy.expand(some)].filter((it) => !wider.has(it))).toEqual([])
      }),
    )
  })

  test('can takes exactly one permission, and no pattern', () => {
    const ctx = { actor: { permissions: policy.expand(['projects:read']) } }
    expect(policy.can(ctx, 'projects:read')).toBe(true)
    expect(policy.can(ctx, 'members:read')).toBe(false)
    // @ts-expect-error a permission that does not exist
    expect(() => policy.can(ctx, 'projects:reed')).toThrow(/no permission "projects:reed"; known: /)
    for (const pattern of ['projects:*', '*']) {
      // @ts-expect-error a pattern is not a permission
      expect(() => policy.can(ctx, pattern)).toThrow('no permission')
    }
  })

  test('a property that every object inherits is not a role', () => {
    expect('constructor' in policy.roles).toBe(false)
    expect(Object.keys(policy.roles)).toEqual(['all', 'reader', 'keeper', 'editor'])
  })
})

describe('a policy is rejected at start if (AUTHZ-1)', () => {
  const define =
    (resources: Record<string, string[]>, roles: Record<string, string[]> = {}) =>
    () =>
      definePolicy({
        resources,
        roles: Object.fromEntries(
          Object.entries(roles).map(([name, permissions]) => [
            name,
            { description: '', permissions },
          ]),
        ),
      })

  test.each<[string, ReturnType<typeof define>, string]>([
    ["a resource has the name of a kernel's one", define({ members: ['read'] }), "kernel's own"],
    [
      'the name of a resource is not lower_snake_case',
      define({ 'my-things': ['read'] }),
      'lower_snake_case',
    ],
    ['an action is a pattern', define({ things: ['*'] }), 'lower_snake_case'],
    ['an action has two parts', define({ things: ['read:own'] }), 'lower_snake_case'],
    [
      'the name of a role is not lower_snake_case',
      define({}, { 'Admin!': ['*'] }),
      'lower_snake_case',
    ],
    ['the name of a role is too long', define({}, { ['r'.repeat(64)]: ['*'] }), 'at most 63'],
    [
      'a role grants an unknown permission',
      define({}, { boss: ['invoices:read'] }),
      'no resource has',
    ],
    ['a role grants an empty string', define({}, { boss: [''] }), 'no resource has'],
    ['a role grants part of a permission', define({}, { boss: ['members'] }), 'no resource has'],
  ])('%s', (_, definition, fault) => {
    expect(definition).toThrow(fault)
  })
})
