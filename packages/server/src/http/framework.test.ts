import { once } from 'node:events'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { afterAll, describe, expect, test } from 'vitest'
import { rawRequest } from '../../test/hostile/raw_socket.ts'
import { createFramework } from './framework.ts'
import { type Limits, limits } from './request/size_limits.ts'
import { publicError } from './response/problem.ts'
import type { HttpServer } from './server.ts'

// Long enough for a machine that is busy with other tests.
const shortTimeouts: Limits = {
  ...limits,
  headersTimeoutMs: 500,
  requestTimeoutMs: 700,
  timeoutCheckMs: 50,
  silenceMs: 1_500,
}

const apps: HttpServer[] = []
afterAll(() => Promise.all(apps.map((it) => it.close())))

interface Listening {
  port: number
  /** The server's sockets, in the order of the connections. */
  sockets: Socket[]
}

async function listen(server: HttpServer): Promise<Listening> {
  apps.push(server)
  const sockets: Socket[] = []
  server.server.on('connection', (socket) => sockets.push(socket))
  server.get('/', () => 'fine')
  server.get('/big', () => 'x'.repeat(64 * 1024 * 1024))
  server.post('/', () => 'received')
  await server.listen({ port: 0, host: '127.0.0.1' })
  return { port: (server.server.address() as AddressInfo).port, sockets }
}

/** A client that sends `bytes` and nothing more, and never closes its side. */
async function openSlowClient(
  { port, sockets }: Listening,
  bytes: string,
): Promise<[Socket, Socket]> {
  const client = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  await once(client, 'connect')
  while (!sockets.some((it) => it.remotePort === client.localPort)) await setImmediate()
  const server = sockets.find((it) => it.remotePort === client.localPort) as Socket
  if (bytes !== '') client.write(bytes)
  return [client, server]
}

const get = (path: string) => rawRequest(`GET ${path} HTTP/1.1`, 'Host: a.test')
const post = rawRequest(
  'POST / HTTP/1.1',
  'Host: a.test',
  'Content-Type: application/json',
  'Content-Length: 9',
)
describe.concurrent('a slow client loses its connection (DOS-1)', () => {
  test.each([
    ['that sends nothing', '', 408],
    ['in the middle of its headers', 'GET / HTTP/1.1\r\nHost: a.te', 408],
    ['in the middle of its body', `${post}{"a`, 408],
    ['after bytes that are not HTTP', 'what is this?\r\n\r\n', 400],
  ])('%s', async (_, bytes, status) => {
    const listening = await listen(await createFramework(shortTimeouts))
    const [client, server] = await openSlowClient(listening, bytes)
    const closed = once(server, 'close')
    const [reply] = await once(client, 'data')
    expect(String(reply)).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
    expect(String(reply)).toContain('application/problem+json')
    await closed
    client.destroy()
  })

  test('that does not read its reply', async () => {
    const listening = await listen(await createFramework(shortTimeouts))
    const [client, server] = await openSlowClient(listening, get('/big'))
    client.pause()
    await once(server, 'close')
    client.destroy()
  })

  test('and a hundred of them do not delay other clients', async () => {
    const listening = await listen(await createFramework(shortTimeouts))
    const healthy = connect(listening.port, '127.0.0.1')
    const ask = async () => {
      healthy.write(get('/'))
      return String((await once(healthy, 'data'))[0]).slice(0, 12)
    }
    expect(await ask()).toBe('HTTP/1.1 200')
    const slow = Array.from({ length: 100 }, () =>
      openSlowClient(listening, 'GET / HTTP/1.1\r\nX: '),
    )
    const pairs = await Promise.all(slow)
    expect(await ask()).toBe('HTTP/1.1 200')
    await Promise.all(pairs.map(([, server]) => server.closed || once(server, 'close')))
    expect(await ask()).toBe('HTTP/1.1 200')
    for (const client of [healthy, ...pairs.map(([client]) => client)]) client.destroy()
  })
})

test('a client that disconnects in the middle of its body is not a server fault', async () => {
  const framework = await createFramework()
  const failed = new Promise<unknown>((resolve) => {
    framework.setErrorHandler((error, _request, reply) => {
      resolve(error)
      return reply.send()
    })
  })
  const arrived = once(framework.server, 'request')
  const [client] = await openSlowClient(await listen(framework), `${post}{"a`)
  await arrived
  client.destroy()
  expect(publicError(await failed)).toMatchObject({
    kind: 'invalid',
    code: 'request.client_closed',
  })
})

test('the limits of production are within the documented ones (DOS-1)', () => {
  expect(limits.headerBytes).toBeLessThanOrEqual(16_384)
  expect(limits.headerCount).toBeLessThanOrEqual(100)
  expect(limits.urlBytes).toBeLessThanOrEqual(8_192)
  expect(limits.bodyBytes).toBeLessThanOrEqual(262_144)
  expect(limits.headersTimeoutMs).toBeLessThanOrEqual(10_000)
  expect(limits.requestTimeoutMs).toBeLessThanOrEqual(30_000)
  expect(limits.keepAliveMs).toBeGreaterThan(60_000)
})
