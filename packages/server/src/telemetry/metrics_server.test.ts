import { expect, onTestFinished, test } from 'vitest'
import { send } from '../testing/http_client.ts'
import { createMetrics } from './metrics.ts'
import { serveMetrics } from './metrics_server.ts'

async function listen(token?: string) {
  const metrics = createMetrics({ tenants: 0, metrics: [] })
  const server = await serveMetrics(metrics, { port: 0, host: '127.0.0.1', token })
  onTestFinished(server.close)
  return (path: string, headers = {}, method = 'GET') =>
    send(server.port, { path, headers, method })
}

test('a separate listener serves the metrics at /metrics, and nothing else', async () => {
  const request = await listen()
  const reply = await request('/metrics')
  expect(reply.status).toBe(200)
  expect(reply.headers).toMatchObject({
    'content-type': 'text/plain; version=0.0.4; charset=utf-8',
    'cache-control': 'no-store',
  })
  expect(reply.text).toMatch(/^tenantry_info\{version="\d/m)
  const others = [
    request('/'),
    request('/metrics/'),
    request('/health/live'),
    request('/metrics', {}, 'POST'),
  ]
  expect((await Promise.all(others)).map((it) => it.status)).toEqual([404, 404, 404, 405])
})

test('a request without the token gets 401 and no content', async () => {
  const token = 'a-token-of-scrapers'
  const request = await listen(token)
  for (const authorization of ['', 'Bearer', `Bearer ${token}x`, token, `Basic ${token}`]) {
    const reply = await request('/metrics', { authorization })
    expect([reply.status, reply.text, reply.headers['www-authenticate']]).toEqual([
      401,
      '',
      'Bearer',
    ])
  }
  expect((await request('/nothing')).status).toBe(401)
  expect((await request('/metrics', { authorization: `Bearer ${token}` })).status).toBe(200)
})
