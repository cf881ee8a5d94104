import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { withClient } from '../../src/db/connect/with_client.ts'
import { findingText, lint } from '../../src/db/lint/lint.ts'
import { rulesFor } from '../../src/db/lint/rules.ts'
import { backgroundScope } from '../../src/db/tenancy.ts'
import { defineList, newId } from '../../src/index.ts'
import { startTestApp, type TestApp, type TestTenant, type TestUser } from '../../src/testing.ts'
import { app } from '../fixtures/app/app.ts'
import { sharedDatabase } from '../fixtures/databases.ts'

let api: TestApp
beforeAll(async () => {
  api = await startTestApp(app)
})
afterAll(() => api.close())

interface Project {
  id: string
  name: string
  created_at: string
  due_on: string | null
}

interface Place {
  tenant: TestTenant
  user: TestUser
}

async function makePlace(): Promise<Place> {
  const tenant = await api.makeTenant()
  return { tenant, user: await tenant.makeUser({ roles: ['admin_tenant'] }) }
}

function insert({ tenant }: Place, rows: Partial<Project>[]) {
  return api.database.inTenant(backgroundScope(tenant.id), async (db) => {
    for (const row of rows) {
      const { id = newId(), name = id, created_at = new Date().toISOString(), due_on = null } = row
      await sql`insert into projects (id, name, created_at, due_on)
        values (${id}, ${name}, ${created_at}, ${due_on})`.execute(db)
    }
  })
}

function ask({ tenant, user }: Place, query: string, path = '/api/projects') {
  return tenant.send({ path: `${path}?${query}`, user })
}

async function allPages(place: Place, query: string, limit: number): Promise<Project[]> {
  const items: Project[] = []
  let cursor: string | null = ''
  do {
    const given = cursor === '' ? '' : `&cursor=${cursor}`
    const { status, json } = await ask(place, `${query}&limit=${limit}${given}`)
    expect(status).toBe(200)
    items.push(...json.items)
    cursor = json.next_cursor
  } while (cursor !== null)
  return items
}

const namesOf = (items: Project[]) => items.map((it) => it.name)

describe('a list', () => {
  // Times within one millisecond, equal keys, and rows without a value.
  const times = ['00.000001', '00.000002', '00.000002', '00.000003', '01', '00.5']
  const days = ['2026-01-01', null, '2026-01-02', null, '2026-01-01', null]
  const rows = times.map((seconds, at) => ({
    name: `${'bBaACc'[at]}${at}`,
    created_at: `2026-01-01T00:00:${seconds}Z`,
    due_on: days[at] ?? null,
  }))

  test('is read in each declared order, whatever the size of its pages (API-5)', async () => {
    const place = await makePlace()
    await insert(place, rows)
    const ordered: Record<string, string> = {
      id: 'b0,B1,a2,A3,C4,c5',
      name: 'a2,A3,b0,B1,C4,c5',
      created_at: 'b0,B1,a2,A3,c5,C4',
      due_on: 'b0,C4,a2,B1,A3,c5',
    }
    for (const [sort, names] of Object.entries(ordered)) {
      for (const limit of [1, 2, 5, 100]) {
        const forward = await allPages(place, `sort=${sort}`, limit)
        expect([sort, limit, String(namesOf(forward))]).toEqual([sort, limit, names])
        const back = await allPages(place, `sort=-${sort}`, limit)
        const reversed = names.split(',').toReversed().join(',')
        expect([sort, limit, String(namesOf(back))]).toEqual([sort, limit, reversed])
      }
    }
  })

  test('is read by several fields with a direction each, with equal items and without values', async () => {
    const place = await makePlace()
    await insert(place, rows)
    const ordered: Record<string, string> = {
      'due_on,-name': 'C4,b0,a2,c5,B1,A3',
      'due_on,-name,-id': 'C4,b0,a2,c5,B1,A3',
      'due_on,id': 'b0,C4,a2,B1,A3,c5',
      'created_at,id': 'b0,B1,a2,A3,c5,C4',
      'created_at,-id': 'b0,a2,B1,A3,c5,C4',
    }
    const opposite = (term: string) => (term.startsWith('-') ? term.slice(1) : `-${term}`)
    for (const [sort, names] of Object.entries(ordered)) {
      const back = sort.split(',').map(opposite).join()
      for (const limit of [1, 2, 5, 100]) {
        const forward = await allPages(place, `sort=${sort}`, limit)
        expect([sort, limit, String(namesOf(forward))]).toEqual([sort, limit, names])
        const reversed = names.split(',').toReversed().join(',')
        const backward = await allPages(place, `sort=${back}`, limit)
        expect([back, limit, String(namesOf(backward))]).toEqual([back, limit, reversed])
      }
    }
  })

  test('shows each item once while others are added', async () => {
    const place = await makePlace()
    await insert(place, rows)
    const first = await ask(place, 'sort=name&limit=3')
    await insert(place, [{ name: 'a' }, { name: 'z' }])
    const rest = await ask(place, `sort=name&limit=100&cursor=${first.json.next_cursor}`)
    expect(namesOf([...first.json.items, ...rest.json.items])).toEqual(
      'a2,A3,b0,B1,C4,c5,z'.split(','),
    )
  })

  test('is filtered by the values of declared fields', async () => {
    const place = await makePlace()
    await insert(place, rows)
    expect(namesOf((await ask(place, 'due_on=2026-01-01&sort=id')).json.items)).toEqual([
      'b0',
      'C4',
    ])
    expect((await ask(place, 'due_on=2026-01-09')).json.items).toEqual([])
  })

  test('is searched by the beginning of a key, in upper or lower case, without patterns', async () => {
    const place = await makePlace()
    const names = [
      '100%',
      '100_',
      '1000',
      'Ärger',
      'äpfel',
      '😀 one',
      '😁',
      '日本語',
      `x${'\u{10FFFE}'}`,
    ]
    await insert(
      place,
      names.map((name) => ({ name })),
    )
    await insert(await makePlace(), [{ name: '100% elsewhere' }])
    const found = async (q: string) =>
      namesOf((await ask(place, `sort=name&q=${encodeURIComponent(q)}`)).json.items)
    expect(await found('100')).toEqual(['100%', '1000', '100_'])
    expect(await found('100%')).toEqual(['100%'])
    expect(await found('100_')).toEqual(['100_'])
    expect(await found('Ä')).toEqual(['äpfel', 'Ärger'])
    expect(await found('😀')).toEqual(['😀 one'])
    expect(await found('日本')).toEqual(['日本語'])
    expect(await found('X')).toEqual([`x${'\u{10FFFE}'}`])
    expect(await found('00')).toEqual([])
    expect(await found("' or '1'='1")).toEqual([])
  })

  test('has a total only when asked, of what it was filtered to, and counts to 10,000', async () => {
    const place = await makePlace()
    await insert(place, rows)
    expect((await ask(place, '')).json).not.toHaveProperty('total')
    expect((await ask(place, 'count=false')).json).not.toHaveProperty('total')
    const { json } = await ask(place, 'count=true&limit=2')
    expect([json.total, json.items.length]).toEqual([6, 2])
    const second = await ask(place, `count=true&limit=2&cursor=${json.next_cursor}`)
    expect(second.json.total).toBe(6)
    expect((await ask(place, 'count=true&due_on=2026-01-01')).json.total).toBe(2)
    expect((await ask(place, 'count=true&q=zz')).json).toMatchObject({ items: [], total: 0 })
    await api.database.inTenant(backgroundScope(place.tenant.id), (db) =>
      sql`insert into projects (id, name)
        select gen_random_uuid(), 'many ' || n from generate_series(1, 10000) n`.execute(db),
    )
    expect((await ask(place, 'count=true&limit=1')).json.total).toBe(10_000)
  })

  test('finds a name however its accents are encoded', async () => {
    const place = await makePlace()
    await insert(place, [{ name: 'Crème'.normalize('NFC') }])
    for (const form of ['NFC', 'NFD']) {
      const q = encodeURIComponent('crè'.normalize(form))
      expect((await ask(place, `q=${q}`)).json.items).toHaveLength(1)
    }
  })

  test.each([
    ['stat=active', '/query/stat'],
    ['name=Apollo', '/query/name'],
    ['sort=description', '/query/sort'],
    ['sort=id,name', '/query/sort'],
    ['sort=name,due_on', '/query/sort'],
    ['sort=name,-id', '/query/sort'],
    ['sort=due_on,-name,id', '/query/sort'],
    ['sort=due_on,name', '/query/sort'],
    ['sort=name,name', '/query/sort'],
    ['sort=name,', '/query/sort'],
    ['sort=name,%20id', '/query/sort'],
    ['sort=', '/query/sort'],
    ['sort=name%3Bdrop', '/query/sort'],
    ['due_on=tomorrow', '/query/due_on'],
    ['count=yes', '/query/count'],
    ['q=', '/query/q'],
    ['limit=0', '/query/limit'],
    ['cursor=', '/query/cursor'],
  ])('rejects ?%s and points at it', async (query, pointer) => {
    const { status, json } = await ask(await makePlace(), query)
    expect([status, json.errors?.map((it: { pointer: string }) => it.pointer)]).toEqual([
      422,
      [pointer],
    ])
  })

  test('takes a cursor only for the order, the filters and the tenant of its page', async () => {
    const place = await makePlace()
    await insert(place, rows)
    const cursorFor = async (query: string, at = place) =>
      (await ask(at, `${query}&limit=1`)).json.next_cursor
    const cursor = await cursorFor('sort=name&q=b')
    const statusOf = async (query: string, at = place) =>
      (await ask(at, `${query}&cursor=${cursor}`)).status
    expect(await statusOf('sort=name&q=b')).toBe(200)
    expect(await statusOf('q=b&sort=name&limit=7&count=true')).toBe(200)
    for (const query of [
      'q=b',
      'sort=-name&q=b',
      'sort=due_on,-name&q=b',
      'sort=name',
      'sort=name&q=c',
      'sort=name&q=b&due_on=2026-01-01',
    ]) {
      expect([query, await statusOf(query)]).toEqual([query, 400])
    }
    expect(await statusOf('sort=name&q=b', await makePlace())).toBe(400)
    const members = await ask(place, `cursor=${cursor}`, '/api/members')
    expect([members.status, members.json.code]).toEqual([400, 'cursor.invalid'])
  })
})

describe('the members', () => {
  test('are found by the beginning of an address or a name, by role and by state', async () => {
    const place = await makePlace()
    const { tenant } = place
    const make = (email: string, roles: string[]) => tenant.makeUser({ email, roles })
    const mark = newId()
    const ann = await make(`Ann-${mark}@Example.com`, ['manager'])
    const bob = await make(`bob-${mark}@example.com`, ['operator'])
    const found = async (query: string) => {
      const reply = await ask(place, `sort=email&${query}`, '/api/members')
      expect(reply.status).toBe(200)
      return reply.json.items.map((it: { id: string }) => it.id)
    }
    expect(await found(`q=ANN-${mark}`)).toEqual([ann.id])
    expect(await found(`q=ANN-${mark}&role=operator`)).toEqual([])
    expect(await found('role=operator')).toEqual([bob.id])
    expect(await found('q=test+user')).toHaveLength(3)
    const path = `/api/members/${bob.id}`
    const body = { is_active: false }
    await tenant.send({ method: 'PATCH', path, user: place.user, body })
    expect(await found('state=inactive')).toEqual([bob.id])
    expect(await found('state=active')).toHaveLength(2)
    await api.database.acrossTenants('test', (db) =>
      db
        .updateTable('tenantry.users')
        .set({ full_name: 'Robert Ö', email_key: `rob-${mark}@example.com` })
        .where('id', '=', bob.id)
        .execute(),
    )
    expect(await found('q=rob')).toEqual([bob.id])
    expect(await found(`q=robert+%C3%96`)).toEqual([bob.id])
    expect(await found(`q=bob-${mark}`)).toEqual([])
  })
})

describe('the audit log', () => {
  test('is filtered by entity and by time', async () => {
    const place = await makePlace()
    const body = { name: 'Logged' }
    const { tenant, user } = place
    const { json: project } = await tenant.send({
      method: 'POST',
      path: '/api/projects',
      user,
      body,
    })
    const actions = async (query: string) => {
      const reply = await ask(place, query, '/api/audit-logs')
      return reply.status === 200
        ? reply.json.items.map((it: { action: string }) => it.action)
        : [reply.status, ...reply.json.errors.map((it: { pointer: string }) => it.pointer)]
    }
    const of = `entity=projects&entity_id=${project.id}`
    const [{ created_at }] = (await ask(place, of, '/api/audit-logs')).json.items
    expect(await actions(of)).toEqual(['projects.create'])
    expect(await actions(`entity=projects&actor_id=${user.id}`)).toEqual(['projects.create'])
    expect(await actions(`entity_id=${project.id}`)).toEqual([422, '/query/entity'])
    expect(await actions('from=yesterday')).toEqual([422, '/query/from'])
    // RFC 3339 allows offsets that PostgreSQL does not.
    expect(await actions('to=2026-01-01T00:00:00%2B23:59')).toEqual([422, ''])
    const later = new Date(Date.parse(created_at) + 1).toISOString()
    expect(await actions(`${of}&to=${later}&from=2020-01-01T00:00:00%2B02:00`)).toHaveLength(1)
    expect(await actions(`${of}&from=${later}`)).toEqual([])
    expect(await actions(`to=2020-01-01T00:00:00Z`)).toEqual([])
  })
})

describe('the indexes of lists (L27)', () => {
  const text = z.string()
  const more = { due_on: text, name_key: text, created_at: text }
  const item = z.object({ id: z.uuid(), name: text, description: text, ...more })
  type Order = NonNullable<Parameters<typeof defineList<typeof item>>[1]['sorts']>[number]
  const findings = (table: string, q: string[] = [], sorts: Order[] = ['name', 'description']) =>
    withClient(sharedDatabase().app, async (client) => {
      const list = defineList(item, { table, sorts, q })
      const [route] = app.routes
      if (route === undefined) throw new Error('the fixture app has no route')
      const found = await lint(client, rulesFor({ routes: [{ ...route, list }] }))
      return found.map(findingText)
    })

  test('of the kernel and of the app are there', async () => {
    await withClient(sharedDatabase().app, async (client) => {
      const { routes } = api.running
      expect(routes.filter((it) => it.list).length).toBeGreaterThan(5)
      expect((await lint(client, rulesFor({ routes }))).map(findingText)).toEqual([])
    })
  })

  test('are named where they are missing, with the statement that creates them', async () => {
    const name = 'a list filters, sorts or searches by a column without an index'
    expect(await findings('projects', ['name', 'name_key'])).toEqual([
      `L27 projects (description): ${name}; create index on projects (tenant_id, description, id)`,
      `L27 projects (name): ${name}; give projects a column name: text collate "C", in lower case`,
    ])
    expect(await findings('nothing')).toEqual([
      `L27 nothing (description): ${name}; create the table, or correct the list`,
      `L27 nothing (name): ${name}; create the table, or correct the list`,
    ])
  })

  test('serve an order of several fields, forwards or backwards, and no other directions', async () => {
    const sorted = (...sorts: Order[]) => findings('projects', [], sorts)
    expect(await sorted(['due_on', '-name_key'])).toEqual([])
    expect(await sorted(['-due_on', 'name_key'])).toEqual([])
    expect(await sorted(['-due_on', 'name_key', 'id'])).toEqual([])
    expect(await sorted(['due_on', 'id'])).toEqual([])
    const name = 'a list filters, sorts or searches by a column without an index'
    const wanted = (names: string, index: string) => [
      `L27 projects (${names}): ${name}; create index on projects (tenant_id, ${index})`,
    ]
    expect(await sorted(['due_on', 'name_key'])).toEqual(
      wanted('due_on, name_key', 'due_on, name_key, id'),
    )
    expect(await sorted(['-due_on', '-name_key', 'id'])).toEqual(
      wanted('due_on desc, name_key desc, id', 'due_on desc, name_key desc, id'),
    )
    expect(await sorted(['-name_key', 'id'])).toEqual(
      wanted('name_key desc, id', 'name_key desc, id'),
    )
    expect(await sorted(['-due_on', '-id'])).toEqual([])
  })

  test('a list cannot be declared with an order that repeats a field, or goes on after the id', () => {
    const declare = (...sorts: Order[]) => defineList(item, { table: 'projects', sorts })
    expect(() => declare(['name', '-name'])).toThrow('cannot sort by "name" twice')
    expect(() => declare(['id', 'name'])).toThrow('after the id')
    expect(() => declare([])).toThrow('by no field')
  })

  test('a list cannot be declared with a filter that no text can give', () => {
    const tags = item.extend({ tags: z.array(z.string()) })
    expect(() => defineList(tags, { table: 'projects', filters: ['tags'] })).toThrow(
      'a list cannot filter by "tags"',
    )
    const sized = item.extend({ limit: z.string() })
    expect(() => defineList(sized, { table: 'projects', filters: ['limit'] })).toThrow(
      'every list has a parameter of that name',
    )
  })
})
