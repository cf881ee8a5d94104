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

test('who holds the same roles holds the same set, whoever they are', () => {
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

test('nobody holds the set of other roles, other grants or another policy', () => {
  const here = policy()
  const keeper = permissionsOf(here, held(['keeper']))
  expect([...permissionsOf(here, held(['reader']))]).toEqual(['projects:read', 'role:reader'])
  expect(permissionsOf(here, held(['keeper'], ['members:read']))).not.toBe(keeper)
  // A grant named like a role is no role.
  expect(permissionsOf(here, held([], ['keeper'])).has('role:keeper')).toBe(false)
  expect(permissionsOf(policy(), held(['keeper']))).not.toBe(keeper)
})

test('no code can change what others hold through a set that it was given', () => {
  const here = policy()
  const given = permissionsOf(here, held(['reader'])) as Set<string>
  const changes = [() => given.add('*'), () => given.delete('projects:read'), () => given.clear()]
  for (const change of changes) expect(change).toThrow('copy them')
  expect([...permissionsOf(here, held(['reader']))]).toEqual(['projects:read', 'role:reader'])
  // A copy is its owner's own.
  expect(new Set(given).add('more').has('more')).toBe(true)
})
