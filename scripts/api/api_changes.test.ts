import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { breakingChanges, unmarked } from './api_changes.ts'

// biome-ignore lint/suspicious/noExplicitAny: a test changes JSON at any depth.
type Loose = any

const text = readFileSync(join(import.meta.dirname, '../../starter/openapi.json'), 'utf8')
const projects = '/api/projects'
const one = '/api/projects/{project_id}'

/** The breaks that are found in the starter's API after a change. */
function broken(change: (document: Loose, schemas: Loose) => void): string[] {
  const after: Loose = JSON.parse(text)
  change(after, after.components.schemas)
  return breakingChanges(JSON.parse(text), after).map((it) => `${it.operation}: ${it.what}`)
}

describe('a client breaks where', () => {
  test('an operation is gone, or has another access', () => {
    expect(broken((it) => delete it.paths[one].delete)).toEqual([`DELETE ${one}: is removed`])
    expect(broken((it) => delete it.paths[projects])).toHaveLength(2)
    expect(
      broken((it) => {
        it.paths['/'].get['x-access'] = 'projects:read'
      }),
    ).toEqual(['GET /: is for projects:read instead of public'])
  })

  test('a parameter is gone, is required, or takes less', () => {
    const limit = (it: Loose) => it.paths[projects].get.parameters[0]
    const list = `GET ${projects}: the query parameter limit`
    expect(broken((it) => it.paths[projects].get.parameters.shift())).toEqual([
      `${list} is removed`,
    ])
    expect(
      broken((it) => {
        limit(it).required = true
        limit(it).schema.maximum = 50
      }),
    ).toEqual([`${list} is required`, `${list}: the whole changes its maximum`])
  })

  test.each([
    [
      'a field that it sends is gone',
      (it: Loose) => delete it.properties.description,
      '/description is removed',
    ],
    [
      'a field is required',
      (it: Loose) => it.required.push('description'),
      '/description is required',
    ],
    ['a new field is required', addRequired, '/colour is required'],
    [
      'a type is narrower',
      (it: Loose) => {
        it.properties.name.type = 'integer'
      },
      '/name changes its type',
    ],
    [
      'a value is fixed',
      (it: Loose) => {
        it.properties.name.enum = ['a']
      },
      '/name changes its values',
    ],
    [
      'a limit is lower',
      (it: Loose) => {
        it.properties.name.maxLength = 3
      },
      '/name changes its maxLength',
    ],
    [
      'a pattern is new',
      (it: Loose) => {
        it.properties.name.pattern = '^a'
      },
      '/name changes its pattern',
    ],
    [
      'a union differs',
      (it: Loose) => {
        it.properties.name.anyOf = [{ type: 'string' }]
      },
      '/name changes its anyOf',
    ],
  ])('in what it sends, %s', (_case, change, what) => {
    expect(broken((_, schemas) => change(schemas.NewProject))).toEqual([
      `POST ${projects}: the body: ${what}`,
    ])
  })

  test('its body is required, gone, or of another type', () => {
    const body = (it: Loose) => it.paths[projects].post.requestBody
    const post = `POST ${projects}: the body`
    const optional: Loose = JSON.parse(text)
    body(optional).required = false
    const faults = breakingChanges(optional, JSON.parse(text))
    expect(faults).toEqual([{ operation: `POST ${projects}`, what: 'the body is required' }])
    expect(broken((it) => delete it.paths[projects].post.requestBody)).toEqual([
      `${post} is removed`,
    ])
    expect(broken((it) => delete body(it).content['application/json'])).toEqual([
      `${post}: application/json is removed`,
    ])
  })

  test.each([
    [
      'a field is gone',
      (it: Loose) => {
        delete it.properties.name
      },
      '/name is removed',
    ],
    [
      'a field may be missing',
      (it: Loose) => {
        it.required = ['id']
      },
      '/name may be missing',
    ],
    [
      'a field may be null',
      (it: Loose) => {
        it.properties.name.type = ['string', 'null']
      },
      '/name changes its type',
    ],
    [
      'a format differs',
      (it: Loose) => {
        it.properties.created_at.format = 'date'
      },
      '/created_at changes its format',
    ],
  ])('in what it gets, alone and in lists, %s', (_case, change, what) => {
    const said = broken((_, schemas) => change(schemas.Project))
    expect(said).toContain(`GET ${one}: reply 200: ${what}`)
    expect(said).toContain(`GET ${projects}: reply 200: /items/*${what}`)
  })

  test('a value is new in what it gets', () => {
    const closed: Loose = JSON.parse(text)
    closed.components.schemas.Project.properties.name.enum = ['a']
    const what = 'reply 200: /name changes its values'
    expect(breakingChanges(closed, JSON.parse(text))).toContainEqual({
      operation: `GET ${one}`,
      what,
    })
  })

  test('success has another status, a header or a type is gone', () => {
    const replies = (it: Loose) => it.paths[projects].post.responses
    expect(
      broken((it) => {
        replies(it)['200'] = replies(it)['201']
        delete replies(it)['201']
      }),
    ).toEqual([`POST ${projects}: answers 200`, `POST ${projects}: no longer answers 201`])
    expect(broken((it) => delete replies(it)['201'].headers.location)).toEqual([
      `POST ${projects}: reply 201: the header location is removed`,
    ])
    expect(broken((it) => delete replies(it)['201'].content['application/json'])).toEqual([
      `POST ${projects}: reply 201: application/json is removed`,
    ])
  })
})

test('no client breaks where something is only added, or takes more', () => {
  expect(broken(() => {})).toEqual([])
  const said = broken((it, schemas) => {
    it.paths['/api/more'] = it.paths[projects]
    it.paths[projects].get.parameters.push({ name: 'q', in: 'query', schema: { type: 'string' } })
    it.paths[projects].get.responses['418'] = {}
    schemas.NewProject.properties.colour = { type: 'string' }
    schemas.NewProject.properties.name.maxLength = 1000
    schemas.Project.properties.colour = { type: 'string' }
    schemas.Project.required.push('colour')
  })
  expect(said).toEqual([])
})

test('a break passes only where the Unreleased section marks its operation', () => {
  const breaks = [{ operation: 'GET /a', what: 'is removed' }]
  const left = (unreleased: string, older = '') =>
    unmarked(breaks, `# Changelog\n\n## [Unreleased]\n${unreleased}\n## [0.1.0]\n${older}`).length
  expect(left('- **Breaking** `GET /a` is gone:\n  use `GET /b`.\n')).toBe(0)
  expect(left('- **Breaking** use `GET /b`\n  instead of `GET /a`.\n')).toBe(0)
  expect(left('- `GET /a` is gone.\n- **Breaking** `GET /b` too\n')).toBe(1)
  expect(left('- **Breaking** `GET /a/{id}` is gone.\n')).toBe(1)
  expect(left('', '- **Breaking** `GET /a` is gone.\n')).toBe(1)
  expect(unmarked(breaks, '## [Unreleased]\n- **Breaking** `GET /a`')).toEqual([])
})

function addRequired(schema: Loose): void {
  schema.properties.colour = { type: 'string' }
  schema.required.push('colour')
}
