import { expect, test } from 'vitest'
import { definePolicy } from '../app/policy.ts'
import { permissionsOf } from './permissions.ts'

const policy = () =>
  definePolicy({
    resources: { projects: ['read', 'update'] },
    roles: {
      keeper: { description: '', permissions: ['projects:*'] },
      reader: { description: '', permissions: ['projects:read'] },
    },
  })

const held = (system_roles: string[], grants: string[] = []) => ({ system_roles, grants })

test('members with the same roles share one set', () => {
  const here = policy()
  const first = permissionsOf(here, held(['keeper'], ['members:read']))
  expect(permissionsOf(here, held(['keeper'], ['members:read']))).toBe(first)
  expect([...first].sort()).toEqual([
    'members:read',
    'projects:read',
    'projects:update',
    'role:keeper',
  ])
})

test('other roles, other grants or another policy give another set', () => {
  const here = policy()
  const keeper = permissionsOf(here, held(['keeper']))
  expect([...permissionsOf(here, held(['reader']))]).toEqual(['projects:read', 'role:reader'])
  expect(permissionsOf(here, held(['keeper'], ['members:read']))).not.toBe(keeper)
  // A grant that is named like a role does not grant the role.
  expect(permissionsOf(here, held([], ['keeper'])).has('role:keeper')).toBe(false)
  expect(permissionsOf(policy(), held(['keeper']))).not.toBe(keeper)
})

test('a shared set cannot be changed', () => {
  const here = policy()
  const given = permissionsOf(here, held(['reader'])) as Set<string>
  const changes = [() => given.add('*'), () => given.delete('projects:read'), () => given.clear()]
  for (const change of changes) expect(change).toThrow('copy it')
  expect([...permissionsOf(here, held(['reader']))]).toEqual(['projects:read', 'role:reader'])
  expect(new Set(given).add('more').has('more')).toBe(true)
})
