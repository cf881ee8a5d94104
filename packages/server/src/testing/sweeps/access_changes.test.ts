import { expect, test } from 'vitest'
import { accessChanges } from './access_changes.ts'

const before = `# Which caller may use which route

| route | access | anonymous | member | admin_tenant | operator |
|---|---|---|---|---|---|
| GET /api/projects | projects:read | — | — | yes | yes |
| DELETE /api/projects/:project_id | projects:delete | — | — | yes | — |
| GET /api/old | member | — | yes | yes | yes |
`

test('a changed record says who may now do what, and who no longer may', () => {
  const after = before
    .replace('| projects:delete | — | — | yes | — |', '| projects:delete | — | — | yes | yes |')
    .replace('| projects:read | — | — | yes | yes |', '| projects:read | — | — | yes | — |')
    .replace('| GET /api/old | member | — | yes |', '| GET /api/new | public | yes | yes |')
  expect(accessChanges(before, after)).toEqual([
    'operator may no longer GET /api/projects',
    'operator may now DELETE /api/projects/:project_id',
    'anonymous may now GET /api/new',
    'member may now GET /api/new',
    'admin_tenant may now GET /api/new',
    'operator may now GET /api/new',
    'member may no longer GET /api/old',
    'admin_tenant may no longer GET /api/old',
    'operator may no longer GET /api/old',
  ])
  expect(accessChanges(before, before)).toEqual([])
})

test('a changed access word and a changed list of public rows are said', () => {
  const after = `${before.replace('projects:read', 'role:operator')}
## Public routes that reach rows

| route | why | shows rows of |
|---|---|---|
| GET /api/status | a status page | projects |
`
  expect(accessChanges(before, after)).toEqual([
    'the access of GET /api/projects is now role:operator, and was projects:read',
    'a client that is not signed in now sees: GET /api/status, a status page, projects',
  ])
})
