import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { makeWorkplace, type Workplace } from '../../test/fixtures/cli.ts'
import { sharedDatabase } from '../../test/fixtures/databases.ts'
import { send } from '../testing/http_client.ts'

let place: Workplace
beforeAll(() => {
  place = makeWorkplace()
})
afterAll(() => place.remove())

const TOKEN = 'a-token-of-scrapers'

function launch(more: Record<string, string>) {
  const { app: DB_URL, identity: DB_IDENTITY_URL } = sharedDatabase()
  return place.launch('start', {
    NODE_ENV: 'production',
    WORKER: 'off',
    DB_URL,
    DB_IDENTITY_URL,
    SECRET_KEY: randomBytes(48).toString('base64'),
    BASE_DOMAINS: 'app.test',
    PUBLIC_ORIGIN: 'https://{tenant}.app.test',
    HOST: '127.0.0.1',
    ...more,
  })
}

/** A collector of traces, and what it received as text. */
async function startCollector() {
  const received: string[] = []
  const server = createServer(async (request, response) => {
    const body = (await request.setEncoding('utf8').toArray()).join('')
    received.push(`${request.method} ${request.url} ${body}`)
    response.setHeader('content-type', 'application/json').end('{}')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { received, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` }
}

test('a server serves its metrics on a separate port, and sends its traces before it ends', async () => {
  const collector = await startCollector()
  const server = launch({
    METRICS_PORT: '0',
    METRICS_TOKEN: TOKEN,
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    // Only the end of the server sends them.
    OTEL_BSP_SCHEDULE_DELAY: '3600000',
  })
  const [, at] = await server.says(/"port":(\d+).*metrics are served/)
  const [, port] = await server.says(/"url":"http:\/\/127\.0\.0\.1:(\d+)"/)
  const host = 'no-tenant.app.test'
  const onTenantsHost = await send(Number(port), { path: '/metrics', headers: { host } })
  expect(onTenantsHost.status).toBe(404)
  const scrape = (headers = {}) => send(Number(at), { path: '/metrics', headers })
  expect((await scrape()).status).toBe(401)
  const { text } = await scrape({ authorization: `Bearer ${TOKEN}` })
  expect(text).toContain('tenantry_problems_total{code="tenant.not_found"} 1')
  expect(text).toMatch(/^tenantry_db_connections_max\{role="identity"\} 5$/m)
  expect(text).not.toContain('tenantry_replica_')

  expect(collector.received).toEqual([])
  server.process.kill('SIGTERM')
  const { code, stdout } = await server.finished
  expect(code).toBe(0)
  expect(stdout).not.toContain('traces: ')
  expect(collector.received.length).toBe(1)
  expect(collector.received[0]).toMatch(/^POST \/v1\/traces \{/)
  expect(collector.received[0]).toMatch(/"service.name","value":\{"stringValue":"\w/)
  expect(collector.received[0]).toContain('"name":"GET (none)"')
})

test('an unreachable collector only causes a line in the log', async () => {
  const server = launch({
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1',
    OTEL_BSP_SCHEDULE_DELAY: '50',
    // Ends the retries of the SDK.
    OTEL_EXPORTER_OTLP_TIMEOUT: '500',
  })
  const [, port] = await server.says(/"url":"http:\/\/127\.0\.0\.1:(\d+)"/)
  const reply = await send(Number(port), { path: '/health/live' })
  expect(reply.status).toBe(200)
  await server.says(/traces: .*ECONNREFUSED/)
  server.process.kill('SIGTERM')
  expect((await server.finished).code).toBe(0)
})

test('a metrics port in use gives one line that names the setting to change', async () => {
  const squatter = createServer().listen(0, '127.0.0.1')
  await once(squatter, 'listening')
  onTestFinished(() => void squatter.close())
  const { port } = squatter.address() as AddressInfo
  const { code, stderr } = await launch({ METRICS_PORT: String(port) }).finished
  expect(code).toBe(1)
  expect(stderr).toBe(
    `tenantry: port ${port} is in use: stop the other program or set METRICS_PORT\n`,
  )
})
