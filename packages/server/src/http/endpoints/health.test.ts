import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { app } from '../../../test/fixtures/app/app.ts'
import { endpointRequest } from '../../../test/fixtures/endpoint_request.ts'
import { rawRequest, sendRaw } from '../../../test/hostile/raw_socket.ts'
import { startTestApp, type TestApp } from '../../testing.ts'
import { createHealth, type Health } from './health.ts'

let api: TestApp
beforeAll(async () => {
  api = await startTestApp(app)
})
afterAll(() => api.close())

const ask = (of: TestApp, path: string) => of.send('no host, no tenant', { path })

async function ready(health: Health): Promise<boolean> {
  const page = health.endpoints.find((it) => it.path === '/health/ready')
  const reply = Promise.resolve(page?.respond(endpointRequest({}, '')))
  return reply.then(
    () => true,
    () => false,
  )
}

async function appWithoutDatabase(url: string): Promise<TestApp> {
  const settings = { DB_URL: url, DB_IDENTITY_URL: url, REQUEST_WAIT_MS: '1500' }
  const lost = await startTestApp(app, settings)
  onTestFinished(() => lost.close())
  return lost
}

describe('health', () => {
  test('is live and ready with a database and its schema (OPS-5)', async () => {
    const live = await ask(api, '/health/live')
    expect([live.status, live.json]).toEqual([200, { status: 'ok' }])
    const ready = await ask(api, '/health/ready')
    expect([ready.status, ready.json]).toEqual([200, { status: 'ok', invalidation: 'live' }])
  })

  test('has the address of its client in the log, as a malformed request has', async () => {
    const behind = await startTestApp(app, { TRUST_PROXY: '127.0.0.1', LOG_LEVEL: 'debug' })
    onTestFinished(() => behind.close())
    const get = (path: string, ...headers: string[]) =>
      sendRaw(behind.port, rawRequest(`GET ${path} HTTP/1.1`, ...headers))
    const sent = [
      await get('/health/live', 'Host: a.test', 'X-Forwarded-For: 203.0.113.9'),
      await get('/', 'Host: a.test', 'Host: b.test', 'X-Forwarded-For: 203.0.113.9'),
      await get('/', 'Host: a.test', 'Forwarded: for="x'),
    ].flat()
    const lines = behind.logLines.map((line) => JSON.parse(line))
    const logged = sent.map(({ headers }) =>
      lines.find((it) => it.request_id === headers['x-request-id'] && 'route' in it),
    )
    expect(logged).toMatchObject([
      { status: 200, address: '203.0.113.9' },
      { status: 400, address: '203.0.113.9' },
      { status: 400, address: '127.0.0.1' },
    ])
  })

  test('leaves a line at level info only when a probe fails', async () => {
    const lost = await appWithoutDatabase('postgresql://someone@127.0.0.1:1/nowhere')
    for (const path of ['/health/live', '/health/ready']) await ask(lost, path)
    const lines = lost.logLines.map((line) => JSON.parse(line)).filter((it) => 'route' in it)
    expect(lines).toMatchObject([{ route: '/health/ready', status: 503, level: 30 }])
  })

  test('is live but not ready without a database, and reveals nothing (OPS-5)', async () => {
    const lost = await appWithoutDatabase('postgresql://someone:secret@127.0.0.1:1/nowhere')
    expect((await ask(lost, '/health/live')).status).toBe(200)
    const reply = await ask(lost, '/health/ready')
    expect([reply.status, reply.json.detail]).toEqual([503, 'The server is not ready'])
    expect(reply.headers['retry-after']).toBe('1')
    expect(reply.text).not.toMatch(/127\.0\.0\.1|ECONN|postgres|nowhere|secret/i)
    expect(lost.logLines.join('')).not.toContain('secret')
  })

  test('is not ready within a second, and stays live, while the database hangs (OPS-5)', async () => {
    const silent = createServer(() => {}).listen(0, '127.0.0.1')
    onTestFinished(() => void silent.close())
    await setTimeout(10)
    const address = silent.address()
    const port = typeof address === 'object' ? address?.port : 0
    const lost = await appWithoutDatabase(`postgresql://someone@127.0.0.1:${port}/nowhere`)
    const startedAt = performance.now()
    const replies = await Promise.all([1, 2, 3].map(() => ask(lost, '/health/ready')))
    // REQUEST_WAIT_MS and a margin for a busy machine. Nothing else would end the wait.
    expect(performance.now() - startedAt).toBeLessThan(5_000)
    expect(replies.map((it) => it.status)).toEqual([503, 503, 503])
    expect((await ask(lost, '/health/live')).status).toBe(200)
  })

  test('is not ready on a schema older than the code, and ready on a newer one (OPS-2, OPS-5)', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tenantry-health-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    const start = () => createHealth(api.database, pathToFileURL(folder), api.listener)
    const old = start()
    expect(await ready(old)).toBe(true)
    await cp(fileURLToPath(app.migrations), folder, { recursive: true })
    await writeFile(join(folder, '9999_later.up.sql'), 'select 1;')
    expect(await ready(start())).toBe(false)
    // The files of the next version do not concern a server that runs.
    await setTimeout(300)
    expect(await ready(old)).toBe(true)
  })

  test('queries the database once for concurrent requests, and again later', async () => {
    let asked = 0
    const counting = {
      ...api.database,
      inTenant: ((scope, work) => {
        asked++
        return api.database.inTenant(scope, work)
      }) satisfies typeof api.database.inTenant,
    }
    const health = createHealth(counting, app.migrations, api.listener)
    await Promise.all(Array.from({ length: 50 }, () => ready(health)))
    await ready(health)
    expect(asked).toBe(1)
    await setTimeout(300)
    expect(await ready(health)).toBe(true)
    expect(asked).toBe(2)
  })

  test('is not ready while it shuts down, and still serves (OPS-1)', async () => {
    const leaving = await startTestApp(app)
    onTestFinished(() => leaving.close())
    leaving.running.drain()
    expect((await ask(leaving, '/health/ready')).status).toBe(503)
    expect((await ask(leaving, '/health/live')).status).toBe(200)
    const tenant = await leaving.makeTenant()
    expect((await tenant.send({ path: '/' })).status).toBe(200)
  })
})
