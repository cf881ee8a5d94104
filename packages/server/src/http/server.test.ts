import { randomBytes, randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { app } from '../../test/fixtures/app/app.ts'
import { domainRow } from '../../test/fixtures/domain_row.ts'
import { expectProblem } from '../../test/fixtures/problem.ts'
import { rawRequest, sendRaw } from '../../test/hostile/raw_socket.ts'
import { backgroundScope } from '../db/tenancy.ts'
import { newId } from '../lib/ids.ts'
import { startTestApp, type TestApp, type TestTenant, type TestUser } from '../testing.ts'

let api: TestApp
let tenant: TestTenant
let user: TestUser
beforeAll(async () => {
  api = await startTestApp(app)
  tenant = await api.makeTenant()
  user = await tenant.makeUser({ roles: ['admin_tenant'] })
})
afterAll(() => api.close())

interface Item {
  id: string
  name: string
}

async function addProjects(to: TestTenant, count: number): Promise<string[]> {
  const ids = Array.from({ length: count }, newId)
  await api.database.inTenant(backgroundScope(to.id), (db) =>
    sql`insert into projects (id, name) select id, id::text from unnest(${ids}::uuid[]) id`.execute(
      db,
    ),
  )
  return ids
}

async function tenantWith(projects: number) {
  const home = await api.makeTenant()
  const owner = await home.makeUser({ roles: ['admin_tenant'] })
  return { home, owner, ids: await addProjects(home, projects) }
}

describe('the pages of a list (API-5)', () => {
  const page = async (on: TestTenant, by: TestUser, query: string, path = '/api/projects') =>
    on.send({ path: `${path}?${query}`, user: by })

  test('together are the whole list, newest first, without duplicates', async () => {
    const { home, owner, ids } = await tenantWith(23)
    for (const limit of [1, 5, 22, 23, 24, 100]) {
      const seen: string[] = []
      let cursor: string | null = ''
      while (cursor !== null) {
        const { json } = await page(home, owner, `limit=${limit}${cursor && `&cursor=${cursor}`}`)
        expect(json.items.length).toBeLessThanOrEqual(limit)
        seen.push(...json.items.map((it: Item) => it.id))
        cursor = json.next_cursor
      }
      expect(seen).toEqual(ids.toSorted().reverse())
    }
  })

  test('stay stable while rows are added and deleted', async () => {
    const { home, owner, ids } = await tenantWith(9)
    const [gone = ''] = ids
    const seen: string[] = []
    let cursor = ''
    for (let pages = 0; pages < 3; pages++) {
      const { json } = await page(home, owner, `limit=3${cursor && `&cursor=${cursor}`}`)
      seen.push(...json.items.map((it: Item) => it.id))
      cursor = json.next_cursor ?? ''
      await addProjects(home, 2)
      if (pages === 0)
        await home.send({ method: 'DELETE', path: `/api/projects/${gone}`, user: owner })
    }
    expect(seen).toEqual(
      ids
        .filter((it) => it !== gone)
        .toSorted()
        .reverse(),
    )
    expect(cursor).toBe('')
  })

  test('have 50 items by default and at most 100', async () => {
    const { home, owner } = await tenantWith(101)
    const lengthOf = async (query: string) => (await page(home, owner, query)).json.items.length
    expect([await lengthOf(''), await lengthOf('limit=100')]).toEqual([50, 100])
    expectProblem(await page(home, owner, 'limit=101'), 422)
  })

  test('accept only a cursor of the same filters and path parameters', async () => {
    const { home, owner } = await tenantWith(0)
    const other = await home.makeUser()
    const signIn = ({ email, password }: TestUser) =>
      home.send({ method: 'POST', path: '/api/auth/login', body: { email, password } })
    for (const user of [owner, other]) await signIn(user)
    const logs = (query: string) => page(home, owner, query, '/api/audit-logs')
    const filter = 'action=auth.signed_in'
    const filtered = (await logs(`limit=1&${filter}`)).json.next_cursor
    expect((await logs(`${filter}&cursor=${filtered}`)).status).toBe(200)
    expect((await logs(`${filter}&limit=2&cursor=${filtered}`)).status).toBe(200)
    for (const query of ['', 'action=sessions.delete&', `${filter}&actor_id=${owner.id}&`]) {
      expectProblem(await logs(`${query}cursor=${filtered}`), 400)
    }
    const sessions = (of: TestUser, query: string) =>
      page(home, owner, query, `/api/members/${of.id}/sessions`)
    const ofOwner = (await sessions(owner, 'limit=1')).json.next_cursor
    expect((await sessions(owner, `cursor=${ofOwner}`)).status).toBe(200)
    expectProblem(await sessions(other, `cursor=${ofOwner}`), 400)
  })

  test('accept only a cursor of this list in this tenant', async () => {
    const [one, two] = [await tenantWith(3), await tenantWith(3)]
    const first = await page(one.home, one.owner, 'limit=1')
    const cursor: string = first.json.next_cursor
    expect((await page(one.home, one.owner, `cursor=${cursor}`)).status).toBe(200)

    expectProblem(await page(two.home, two.owner, `cursor=${cursor}`), 400)
    for (const path of ['/api/members', '/api/roles', '/api/sessions', '/api/audit-logs']) {
      expectProblem(await page(one.home, one.owner, `cursor=${cursor}`, path), 400)
    }
    const bytes = Buffer.from(cursor, 'base64url')
    const [mac, position] = [bytes.subarray(0, 16), bytes.subarray(16)]
    const forged = [
      Buffer.concat([mac, Buffer.from(randomUUID())]),
      Buffer.concat([mac, Buffer.from("' or true --")]),
      Buffer.concat([mac, position, Buffer.from('x')]),
      Buffer.concat([randomBytes(16), position]),
      position,
      mac,
    ].map((it) => it.toString('base64url'))
    const misspelled = [
      `${cursor}=`,
      `${cursor}A`,
      cursor.slice(0, -1),
      cursor.slice(1),
      `%20${cursor}`,
      'x',
      '0',
    ]
    for (const bad of [...forged, ...misspelled, one.ids[0], "'"]) {
      const reply = await page(one.home, one.owner, `cursor=${bad}`)
      expectProblem(reply, 400)
      expect(reply.json.code).toBe('cursor.invalid')
    }
  })

  test('reject a cursor of another secret', async () => {
    const { home, owner } = await tenantWith(2)
    const other = await startTestApp(app, { SECRET_KEY: randomBytes(32).toString('base64') })
    const { email, password } = owner
    const login = { method: 'POST', path: '/api/auth/login', body: { email, password } }
    const { access_token } = (await other.send(home.host, login)).json
    const headers = { authorization: `Bearer ${access_token}` }
    const { json } = await page(home, owner, 'limit=1')
    const list = (query: string) =>
      other.send(home.host, { path: `/api/projects?${query}`, headers })
    expect((await list('limit=1')).status).toBe(200)
    expectProblem(await list(`cursor=${json.next_cursor}`), 400)
    await other.close()
  })
})

describe('a lost update (API-6)', () => {
  /** One resource of each kind that can be changed, with a change of it. */
  async function changeable() {
    const { home, owner, ids } = await tenantWith(1)
    const other = await home.makeUser()
    const body = { name: 'helper', permissions: ['projects:read'] }
    const role = await home.send({ method: 'POST', path: '/api/roles', user: owner, body })
    const domain = domainRow(`${home.subdomain}.example.com`, home.id)
    await api.database.acrossTenants('test', (db) =>
      db.insertInto('tenantry.domains').values(domain).execute(),
    )
    const targets = [
      [`/api/projects/${ids[0]}`, { description: 'changed' }],
      [`/api/roles/${role.json.id}`, { description: 'changed' }],
      [`/api/members/${other.id}`, { roles: ['operator'] }],
      [`/api/domains/${domain.id}`, { is_primary: true }],
      ['/api/account', { full_name: 'Changed' }],
      ['/api/tenant', { name: 'Changed' }],
      ['/api/tenant/setup', { is_dismissed: true }],
    ] as const
    return { home, owner, targets }
  }

  test('is rejected for every kind of resource that can be changed', async () => {
    const { home, owner, targets } = await changeable()
    expect(targets).toHaveLength(api.running.routes.filter((it) => it.method === 'PATCH').length)
    for (const [path, body] of targets) {
      const { headers } = await home.send({ path, user: owner })
      const etag = headers['etag'] ?? ''
      expect(etag).toMatch(/^"[\w-]{20,}"$/)
      const change = () =>
        home.send({ method: 'PATCH', path, user: owner, body, headers: { 'if-match': etag } })
      expect([(await change()).status, path]).toEqual([200, path])
      const late = await change()
      expectProblem(late, 412)
      expect(late.json.code).toBe('resource.changed')
    }
  })

  test('is rejected when ten changes are concurrent', async () => {
    const { home, owner, ids } = await tenantWith(1)
    const path = `/api/projects/${ids[0]}`
    const { headers } = await home.send({ path, user: owner })
    const change = (_: unknown, at: number) =>
      home.send({
        method: 'PATCH',
        path,
        user: owner,
        body: { description: `by ${at}` },
        headers: { 'if-match': headers['etag'] ?? '' },
      })
    const replies = await Promise.all(Array.from({ length: 10 }, change))
    expect(replies.map((it) => it.status).sort()).toEqual([200, ...Array(9).fill(412)])
    const winner = replies.findIndex((it) => it.status === 200)
    expect((await home.send({ path, user: owner })).json.description).toBe(`by ${winner}`)
  })

  test.each<[string, (etag: string) => string[], number]>([
    ['the tag', (etag) => [etag], 200],
    ['any version', () => ['*'], 200],
    ['a list with the tag', (etag) => [`"a", ${etag} ,"b"`], 200],
    ['two headers, one with the tag', (etag) => ['"a"', etag], 200],
    ['another tag', () => ['"a"'], 412],
    ['the tag as a weak one', (etag) => [`W/${etag}`], 412],
    ['a list with the tag as a weak one', (etag) => [`W/${etag}, "b"`], 412],
    ['a list with the tag after a weak one', (etag) => [`W/"a", ${etag}`], 200],
    ['the tag without quotes', (etag) => [etag.replaceAll('"', '')], 412],
    ['the tag in other quotes', (etag) => [etag.replaceAll('"', "'")], 412],
    ['the tag in another case', (etag) => [etag.toUpperCase()], 412],
    ['part of the tag', (etag) => [`${etag.slice(0, -2)}"`], 412],
    ['the tag within a tag', (etag) => [`"x${etag}x"`], 412],
    ['an empty list', () => [''], 412],
    ['a quoted star', () => ['"*"'], 412],
    ['four thousand commas', () => [','.repeat(4_000)], 412],
  ])('If-Match of %s', async (_, values, status) => {
    const { home, owner, ids } = await tenantWith(1)
    const path = `/api/projects/${ids[0]}`
    const { headers } = await home.send({ path, user: owner })
    const body = '{"description":"new"}'
    const request = rawRequest(
      `PATCH ${path} HTTP/1.1`,
      `Host: ${home.host}`,
      `Authorization: Bearer ${owner.accessToken}`,
      'Content-Type: application/json',
      `Content-Length: ${body.length}`,
      ...values(headers['etag'] ?? '').map((it) => `If-Match: ${it}`),
    )
    const [reply] = await sendRaw(api.port, request + body)
    expect(reply?.status).toBe(status)
    const { json } = await home.send({ path, user: owner })
    expect(json.description).toBe(status === 200 ? 'new' : '')
  })

  test('If-Match gives 404 for a missing resource, and 400 on a route that does not compare it', async () => {
    const headers = { 'if-match': '*' }
    const path = `/api/projects/${randomUUID()}`
    expectProblem(await tenant.send({ method: 'PATCH', path, user, headers, body: {} }), 404)
    const { ids, home, owner } = await tenantWith(1)
    const present = `/api/projects/${ids[0]}`
    expectProblem(await home.send({ method: 'DELETE', path: present, user: owner, headers }), 400)
    expect((await home.send({ path: present, user: owner })).status).toBe(200)
  })
})

test('while the event loop is delayed requests get 503, and health answers (DOS-2)', async () => {
  const busy = await startTestApp(app, { EVENT_LOOP_DELAY_MAX_MS: '150' })
  const get = (path: string) => rawRequest(`GET ${path} HTTP/1.1`, `Host: ${tenant.host}`)
  const ask = () => sendRaw(busy.port, get('/health/live') + get('/'), 2)
  // A request may arrive before or after the delay was measured.
  let [live, reply] = await ask()
  while (reply?.status !== 503) {
    block(350)
    ;[live, reply] = await ask()
    expect(live?.status).toBe(200)
  }
  expectProblem(reply, 503)
  expect(reply.headers['retry-after']).toBe('1')
  while (reply?.status !== 200) [, reply] = await ask()
  await busy.close()
})

function block(milliseconds: number): void {
  const end = performance.now() + milliseconds
  while (performance.now() < end);
}
