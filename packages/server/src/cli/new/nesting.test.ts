import { expect, test } from 'vitest'
import { app } from '../../../test/fixtures/app/app.ts'
import { flatCollection } from '../../app/flat_collection.ts'
import { parseFields } from './fields/fields.ts'
import { namesOf } from './names.ts'
import { nestingOf } from './nesting.ts'

const nest = (fields: string, under: string) =>
  nestingOf(namesOf('tasks'), parseFields(fields), under, app.routes)

test('a nested resource has the path of the row that its field refers to', () => {
  expect(nest('title:text owner_project_id:references:projects', 'projects')).toMatchObject({
    field: { name: 'owner_project_id' },
    parameter: 'project_id',
    argument: 'projectId',
    path: '/api/projects/:project_id/tasks',
  })
})

test.each([
  ['title:text', 'projects', /no field refers to "projects": add one to --fields/],
  ['title:text project_id:references:projects', 'project', /"project": write --under projects/],
  ['title:text project_id:references:projects', 'teams', /"teams": write --under projects/],
  ['title:text project_id:references:projects?', 'projects', /write project_id:references/],
  ['project_id:references:projects', 'projects', /needs a field of its own/],
  ['a_id:references:projects b_id:references:projects', 'projects', /leave --under projects out/],
  ['title:text part_id:references:parts', 'parts', /GET \/api\/parts\/:part_id first/],
])('%j under %s is an error that says what to write', (fields, under, message) => {
  expect(() => nest(fields, under)).toThrow(message)
})

test('Location of what is created below another row leads to where it is', () => {
  const nested = { path: '/api/projects/:project_id/tasks' } as const
  const item = (path: `/${string}`) => [nested, { path }]
  expect(flatCollection(nested, item('/api/tasks/:task_id'))).toBe('/api/tasks')
  expect(flatCollection(nested, item(`${nested.path}/:task_id`))).toBeUndefined()
  expect(flatCollection(nested, item('/api/tasks/:task_id/notes'))).toBeUndefined()
  expect(flatCollection({ path: '/api/tasks' }, item('/api/tasks/:task_id'))).toBeUndefined()
})
