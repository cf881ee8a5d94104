import { startTestApp, type TestApp, type TestTenant, type TestUser } from 'tenantry/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { app } from '../app.ts'

let api: TestApp
let tenant: TestTenant
let manager: TestUser
beforeAll(async () => {
  api = await startTestApp(app)
  tenant = await api.makeTenant()
  manager = await tenant.makeUser({ roles: ['manager'] })
})
afterAll(() => api.close())

const create = (body: unknown, user = manager) =>
  tenant.send({ method: 'POST', path: '/api/projects', user, body })

describe('projects', () => {
  test('can be created, read, changed and deleted', async () => {
    const created = await create({ name: ' Apollo ' })
    expect(created.status).toBe(201)
    expect(created.json).toMatchObject({ name: 'Apollo', description: '' })
    const path = `/api/projects/${created.json.id}`
    expect(created.headers['location']).toBe(path)
    expect((await tenant.send({ path, user: manager })).json).toEqual(created.json)
    const body = { description: 'To the moon' }
    const changed = await tenant.send({ method: 'PATCH', path, user: manager, body })
    expect(changed.json).toMatchObject({ name: 'Apollo', description: 'To the moon' })
    expect((await tenant.send({ method: 'DELETE', path, user: manager })).status).toBe(204)
    expect((await tenant.send({ path, user: manager })).status).toBe(404)
  })

  test('have unique names within a tenant', async () => {
    expect((await create({ name: 'Unique' })).status).toBe(201)
    const again = await create({ name: 'Unique' })
    expect([again.status, again.json.code]).toEqual([409, 'project.name_taken'])
    expect(again.json.errors).toMatchObject([{ pointer: '/name' }])
    const other = await api.makeTenant()
    const user = await other.makeUser({ roles: ['manager'] })
    const path = '/api/projects'
    const elsewhere = await other.send({ method: 'POST', path, user, body: { name: 'Unique' } })
    expect(elsewhere.status).toBe(201)
  })

  test('reject a lost update (API-6)', async () => {
    const created = await create({ name: 'Contended' })
    const path = `/api/projects/${created.json.id}`
    const { headers } = await tenant.send({ path, user: manager })
    const change = (description: string) =>
      tenant.send({
        method: 'PATCH',
        path,
        user: manager,
        body: { description },
        headers: { 'if-match': headers['etag'] ?? '' },
      })
    const replies = await Promise.all([change('mine'), change('yours')])
    expect(replies.map((it) => it.status).sort()).toEqual([200, 412])
  })

  test('are listed in pages, newest first', async () => {
    const list = await api.makeTenant()
    const user = await list.makeUser({ roles: ['manager'] })
    const names = ['one', 'two', 'three', 'four', 'five']
    for (const name of names) {
      await list.send({ method: 'POST', path: '/api/projects', user, body: { name } })
    }
    const seen: string[] = []
    let cursor = ''
    do {
      const page = await list.send({ path: `/api/projects?limit=2${cursor}`, user })
      seen.push(...page.json.items.map((it: { name: string }) => it.name))
      cursor = page.json.next_cursor === null ? '' : `&cursor=${page.json.next_cursor}`
    } while (cursor !== '')
    expect(seen).toEqual(names.toReversed())
  })

  test('report each invalid field', async () => {
    const reply = await create({ name: '', colour: 'red' })
    expect(reply.status).toBe(422)
    expect(reply.json.errors.map((it: { pointer: string }) => it.pointer).sort()).toEqual([
      '',
      '/name',
    ])
  })
})
