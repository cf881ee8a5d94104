import { below } from '../bench.ts'
import type { Figure } from '../figure.ts'
import { makeTenant } from '../tenants.ts'

const MB = 2 ** 20

export const randomRequests: Figure = {
  name: 'random-requests',
  what: 'resident memory after a million requests for random hosts, with random tokens and distinct query strings',
  target: { atMost: 350 },
  unit: ' MB',
  async measure(bench) {
    const server = await bench.startApp()
    const { port } = server
    const { host, headers } = await makeTenant(bench.database, port)
    const path = '/api/tenant/tenant-data'
    const requests = [
      { path, headers: { host: '{random}.app.test' } },
      { path, headers: { host: '{random}.example.org' } },
      { path, headers: { host, authorization: 'Bearer e30.{random}.{random}' } },
      { path: `${path}?page={random}`, headers },
    ]
    const before = await server.reading('collection')
    const count = bench.scale.randomRequests
    const loader = await bench.startLoader()
    const { statuses, seconds } = await loader.run({ port, connections: 32, requests, count })
    const after = await server.reading()
    const collected = await server.reading('collection')
    return {
      value: after.rss / MB,
      at: below(count, 'requests'),
      notes: [
        `${count} requests in ${Math.round(seconds)} s: ${JSON.stringify(statuses)}`,
        `before: ${Math.round(before.rss / MB)} MB resident, ${Math.round(before.heapUsed / MB)} MB of ` +
          `heap; after a collection: ${Math.round(collected.rss / MB)} MB and ` +
          `${Math.round(collected.heapUsed / MB)} MB`,
      ],
    }
  },
}
