import { afterAll, beforeAll, expect, test } from 'vitest'
import { app } from '../../../starter/src/app.ts'
import { startTestApp, type TestApp } from '../src/testing.ts'

let api: TestApp
beforeAll(async () => {
  api = await startTestApp(app)
})
afterAll(() => api.close())

test('says that it runs, on a tenant of its own', async () => {
  const tenant = await api.makeTenant()
  const reply = await tenant.send({ path: '/' })
  expect(reply.json).toEqual({ status: 'ok', message: 'API is running' })
})

test('nobody lives at an unknown host', async () => {
  const reply = await api.send('nobody.app.test', { path: '/' })
  expect([reply.status, reply.json.detail]).toEqual([404, 'Tenant not found'])
})
