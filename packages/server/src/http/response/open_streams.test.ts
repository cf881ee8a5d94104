import { once } from 'node:events'
import { createServer, get, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { OpenStreams } from './open_streams.ts'

test('a stream without progress is ended, and one that sends is not', async () => {
  const streams = new OpenStreams(300)
  const ended: unknown[] = []
  const timers: NodeJS.Timeout[] = []
  const server = createServer((request, client: ServerResponse) => {
    client.write('first')
    if (request.url === '/sends') timers.push(setInterval(() => client.write('more'), 50))
    streams.watch({ client, recheck: () => undefined, onEnded: (it) => ended.push(it) })
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  const open = (path: string) =>
    new Promise<IncomingMessage>((resolve) => {
      get({ host: '127.0.0.1', port, path, agent: false }, resolve)
    })
  const [silent, sends] = [await open('/silent'), await open('/sends')]
  sends.resume().on('error', () => {})
  await new Promise((resolve) =>
    silent
      .resume()
      .on('close', resolve)
      .on('error', () => {}),
  )
  expect([silent.complete, sends.destroyed]).toEqual([false, false])
  expect(ended).toEqual([new Error('the stream made no progress for 0.3 s')])
  for (const it of timers) clearInterval(it)
  sends.destroy()
  server.close()
  server.closeAllConnections()
})
