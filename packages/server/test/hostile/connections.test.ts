import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, describe, expect, test } from 'vitest'
import { connectionLimits } from '../../src/http/connections.ts'
import { send } from '../../src/testing/http_client.ts'
import { checkout, makeWorkplace } from '../fixtures/cli.ts'
import { serverSettings } from '../fixtures/databases.ts'
import { holdIdle } from '../fixtures/idle_connections.ts'

const OPEN_FILES = 256

// From the built kernel Node's loader would open more modules at a time than this.
const place = makeWorkplace(undefined, checkout)
afterAll(() => place.remove())

// Only Linux has all of 127.0.0.0/8 without a set-up.
describe.skipIf(process.platform !== 'linux')('with 256 file descriptors (DOS-1)', () => {
  test('1,000 idle connections end no server, and no other client is rejected', {
    timeout: 120_000,
  }, async () => {
    const server = place.launch('start', production(), OPEN_FILES)
    const port = Number((await server.says(/"url":"http:\/\/127\.0\.0\.1:(\d+)"/))[1])
    const metricsPort = Number((await server.says(/"port":(\d+).*metrics are served/))[1])
    const idle = await holdIdle(port, ['127.0.0.2', '127.0.0.3'], 500)
    // Longer than the sampler of the event loop waits, which needs no file.
    await sleep(1_500)
    await expect.poll(idle.open).toBeLessThanOrEqual(2 * 50)
    expect(idle.open()).toBeGreaterThan(0)
    expect((await send(port, { path: '/health/ready' })).status).toBe(200)
    await server.says(/"msg":"closed new connections: the limits of one server are reached"/)
    const { text } = await send(metricsPort, { path: '/metrics' })
    expect(text).toMatch(/^tenantry_http_connections_max\{per="address"\} \d+$/m)
    const [, count] = /_rejected_total\{per="address"\} (\d+)/.exec(text) ?? []
    expect(Number(count)).toBeGreaterThanOrEqual(900)

    const more = await holdIdle(
      port,
      [4, 5, 6, 7].map((it) => `127.0.0.${it}`),
      500,
    )
    await sleep(1_500)
    expect(server.process.exitCode).toBeNull()
    idle.close()
    more.close()
    await sleep(500)
    expect((await send(port, { path: '/health/ready' })).status).toBe(200)
    expect(server.process.exitCode).toBeNull()
  })
})

test('the limits leave descriptors for the pools and for files', () => {
  const settings = { DB_POOL_MAX: 10, DB_IDENTITY_POOL_MAX: 5, TRUST_PROXY: [] }
  expect(connectionLimits(settings, 256)).toEqual({ total: 177, perAddress: 45 })
  expect(connectionLimits(settings, 64)).toEqual({ total: 16, perAddress: 4 })
  expect(connectionLimits(settings).total).toBeGreaterThan(100)
})

function production(): Record<string, string> {
  return {
    ...serverSettings(),
    NODE_ENV: 'production',
    SECRET_KEY: randomBytes(48).toString('base64'),
    BASE_DOMAINS: 'app.test',
    PUBLIC_ORIGIN: 'https://{tenant}.app.test',
    HOST: '127.0.0.1',
    METRICS_PORT: '0',
    REQUEST_WAIT_MS: '20000',
    // Below the interval at which a sampler would have thrown EMFILE.
    EVENT_LOOP_DELAY_MAX_MS: '1000',
  }
}
