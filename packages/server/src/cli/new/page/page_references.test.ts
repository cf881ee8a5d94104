import { expect, test } from 'vitest'
import { z } from 'zod'
import { app } from '../../../../test/fixtures/app/app.ts'
import { defineList } from '../../../app/list.ts'
import type { Route } from '../../../app/route.ts'
import { parseFields } from '../fields/fields.ts'
import { namesOf } from '../names.ts'
import { nestingOf } from '../nesting.ts'
import { pageReferences } from './page_references.ts'

const { routes } = app

test('a reference of a page is named by name, title, what its list searches, the first text or the id', () => {
  const referred = (text: string, rows: readonly Route[] = routes) =>
    pageReferences(namesOf('tasks'), parseFields(text), rows)
  const [projects] = referred('project_id:references:projects other_id:references:projects?')
  expect(projects).toEqual({
    table: 'projects',
    identifier: 'projectReference',
    list: '/api/projects',
    item: '/api/projects/{project_id}',
    access: 'projects:read',
    search: true,
    label: 'it.name',
  })
  const own = (field: string) => referred(`${field} parent_id:references:tasks?`)[0]
  expect(own('size:integer title:text')).toMatchObject({ search: true, label: 'it.title' })
  expect(own('size:integer')).toMatchObject({ search: false, label: 'it.id' })
  const labels = [
    [{ id: z.uuid(), code: z.string(), title: z.string() }, [], 'it.title'],
    [{ id: z.uuid(), note: z.string(), code: z.string() }, ['code_key'], 'it.code'],
    [{ id: z.uuid(), note: z.string().nullable() }, [], "it.note ?? ''"],
    [{ id: z.uuid(), at: z.iso.datetime(), size: z.int() }, [], 'it.id'],
  ] as const
  for (const [row, q, label] of labels) {
    const list = defineList(z.object(row), { table: 'projects', q })
    const changed = routes.map((it) =>
      it.path === '/api/projects' && it.method === 'GET' ? { ...it, list, reply: list.reply } : it,
    )
    const [found] = referred('project_id:references:projects', changed)
    expect(found).toMatchObject({ label, search: q.length > 0 })
  }
  // No route lists all rows of a nested resource, to choose one of the same table from.
  const nested = (rows: readonly Route[]) => {
    const text = 'title:text project_id:references:projects parent_id:references:tasks?'
    const [names, fields] = [namesOf('tasks'), parseFields(text)]
    return pageReferences(names, fields, rows, nestingOf(names, fields, 'projects', routes))
  }
  expect(nested(routes)).toEqual([projects])
  const noList = routes.filter((it) => it.path !== '/api/projects')
  expect(() => nested(noList)).toThrow('there is no GET /api/projects: leave --page out')
  // Without a route for one row there is no name to show: the field stays a text.
  const noItem = routes.filter((it) => it.path !== '/api/projects/:project_id')
  expect(referred('project_id:references:projects', noItem)).toEqual([])
})
