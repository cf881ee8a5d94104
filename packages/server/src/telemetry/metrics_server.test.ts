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

test('the metrics are at /metrics of their own listener, and nothing else is', async () => {
  const ask = await listen()
  const reply = await ask('/metrics')
  expect(reply.status).toBe(200)
  expect(reply.headers).toMatchObject({
    'content-type': 'text/plain; version=0.0.4; charset=utf-8',
    'cache-control': 'no-store',
  })
  expect(reply.text).toMatch(/^tenantry_info\{version="\d/m)
  const others = [ask('/'), ask('/metrics/'), ask('/health/live'), ask('/metrics', {}, 'POST')]
  expect((await Promise.all(others)).map((it) => it.status)).toEqual([404, 404, 404, 405])
})

test('whoever does not know the token is told nothing', async () => {
  const token = 'a-token-of-scrapers'
  const ask = await listen(token)
  for (const authorization of ['', 'Bearer', `Bearer ${token}x`, token, `Basic ${token}`]) {
    const reply = await ask('/metrics', { authorization })
    expect([reply.status, reply.text, reply.headers['www-authenticate']]).toEqual([
      401,
      '',
      'Bearer',
    ])
  }
  expect((await ask('/nothing')).status).toBe(401)
  expect((await ask('/metrics', { authorization: `Bearer ${token}` })).status).toBe(200)
})
