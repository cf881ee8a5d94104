import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, describe, expect, test } from 'vitest'
import { connectionLimits } from '../../src/http/connections.ts'
import { send } from '../../src/testing/http_client.ts'
import { makeWorkplace } from '../fixtures/cli.ts'
import { serverSettings } from '../fixtures/databases.ts'

const OPEN_FILES = 256

const place = makeWorkplace()
afterAll(() => place.remove())

// Only Linux has all of 127.0.0.0/8 without a set-up.
describe.skipIf(process.platform !== 'linux')('with 256 file descriptors (DOS-1)', () => {
  test('1,000 idle connections end no server, and no other client is rejected', {
    timeout: 120_000,
  }, async () => {
    const server = place.launch('start', production(), OPEN_FILES)
    const port = Number((await server.says(/"url":"http:\/\/127\.0\.0\.1:(\d+)"/))[1])
    const idle = await openIdle(port, ['127.0.0.2', '127.0.0.3'])
    // Longer than the sampler of the event loop waits, which needs no file.
    await sleep(1_500)
    const open = idle.filter((it) => !it.destroyed && it.readyState === 'open')
    expect(open.length).toBeLessThanOrEqual(2 * 50)
    expect(open.length).toBeGreaterThan(0)
    expect((await send(port, { path: '/health/ready' })).status).toBe(200)
    await server.says(/"msg":"closed new connections: the limits of one server are reached"/)

    const more = await openIdle(port, ['127.0.0.4', '127.0.0.5', '127.0.0.6', '127.0.0.7'])
    await sleep(1_500)
    expect(server.process.exitCode).toBeNull()
    for (const socket of [...idle, ...more]) socket.destroy()
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

/** 500 connections from each address that send nothing. */
async function openIdle(port: number, addresses: string[]): Promise<Socket[]> {
  const sockets = addresses.flatMap((localAddress) =>
    Array.from({ length: 500 }, () => {
      const socket = connect({ port, host: '127.0.0.1', localAddress })
      socket.on('error', () => {})
      return socket
    }),
  )
  await Promise.race([
    Promise.all(sockets.map((it) => once(it, 'connect').catch(() => {}))),
    sleep(10_000),
  ])
  return sockets
}

function production(): Record<string, string> {
  return {
    ...serverSettings(),
    NODE_ENV: 'production',
    SECRET_KEY: randomBytes(48).toString('base64'),
    BASE_DOMAINS: 'app.test',
    PUBLIC_ORIGIN: 'https://{tenant}.app.test',
    HOST: '127.0.0.1',
    REQUEST_WAIT_MS: '20000',
    // Below the interval at which a sampler would have thrown EMFILE.
    EVENT_LOOP_DELAY_MAX_MS: '1000',
  }
}
