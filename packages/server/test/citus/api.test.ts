import { afterAll, beforeAll, expect, test } from 'vitest'
import { withClient } from '../../src/db/connect/with_client.ts'
import { startTestApp, type TestApp, type TestTenant, type TestUser } from '../../src/testing.ts'
import { app } from '../fixtures/app/app.ts'
import { sharedDatabase } from '../fixtures/databases.ts'

// Requests to an app whose data plane lies on the workers.

let api: TestApp
let tenant: TestTenant
let user: TestUser
beforeAll(async () => {
  api = await startTestApp(app)
  tenant = await api.makeTenant()
  user = await tenant.makeUser({ roles: ['admin_tenant'] })
})
afterAll(() => api?.close())

const send = (method: string, path: string, body?: object) =>
  tenant.send({ method, path, user, ...(body === undefined ? {} : { body }) })

/** How many shards a statement of the app asks. Undefined if it only reads the coordinator. */
async function tasksOf(text: string, values: readonly unknown[]): Promise<number | undefined> {
  return withClient(sharedDatabase().app, async (client) => {
    await client.query('begin')
    await client.query('select tenantry.set_tenant($1)', [tenant.id])
    const { rows } = await client.query(`explain (format json) ${text}`, [...values])
    await client.query('rollback')
    const [, count] = /"Task Count":\s*(\d+)/.exec(JSON.stringify(rows)) ?? []
    return count === undefined ? undefined : Number(count)
  })
}

test('each query of a request on the data plane asks one shard', async () => {
  const { json } = await send('POST', '/api/projects', { name: 'Apollo' })
  const path = `/api/projects/${json.id}`
  const requests = [
    ['GET', '/api/projects'],
    ['GET', '/api/projects?q=apo&count=true'],
    ['GET', path],
    ['GET', '/api/audit-logs?count=true'],
    ['PATCH', path, { name: 'Artemis' }],
    ['POST', '/api/projects', { name: 'Gemini' }],
    ['DELETE', path],
  ] as const
  for (const [method, to, body] of requests) {
    const sent = await api.statementsOf(async () => {
      const reply = await send(method, to, body)
      expect(reply.status).toBeLessThan(300)
    })
    const tasks = await Promise.all(
      sent.filter(({ role }) => role === 'app').map(({ text, values }) => tasksOf(text, values)),
    )
    const onData = tasks.filter((it) => it !== undefined)
    expect([to, onData.length > 0, new Set(onData)]).toEqual([to, true, new Set([1])])
  }
})
