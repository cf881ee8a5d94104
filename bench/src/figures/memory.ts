import { below } from '../bench.ts'
import type { Figure } from '../figure.ts'
import { openSessions } from '../sessions.ts'

const MB = 2 ** 20
const BATCH = 5_000

export const memory: Figure = {
  name: 'memory',
  what: 'resident memory with 1,000,000 tenants in the database and 100,000 live sessions cached',
  target: { atMost: 350 },
  unit: ' MB',
  async measure(bench) {
    const database = await bench.bigDatabase()
    const server = await bench.startApp({}, database)
    const wanted = Math.min(100_000, bench.scale.tenants * 5)
    const before = await server.reading('collection')
    const sessions = await openSessions(
      database,
      bench.secret,
      `select tenant_id, user_id from tenantry.members order by tenant_id limit ${wanted}`,
    )
    const loader = await bench.startLoader()
    const requests = sessions.map(({ headers }) => ({ path: '/api/tenant/tenant-data', headers }))
    for (let at = 0; at < requests.length; at += BATCH) {
      const batch = requests.slice(at, at + BATCH)
      const job = { port: server.port, connections: 16, requests: batch, count: batch.length }
      const { statuses } = await loader.run(job)
      if (statuses['200'] !== batch.length) throw new Error(JSON.stringify(statuses))
    }
    const after = await server.reading()
    const collected = await server.reading('collection')
    return {
      value: after.rss / MB,
      at: below(bench.scale.tenants, 'tenants'),
      notes: [
        `${sessions.length} sessions of ${bench.scale.tenants} tenants, one request each`,
        `before: ${Math.round(before.rss / MB)} MB resident, ${Math.round(before.heapUsed / MB)} MB of ` +
          `heap; after a collection: ${Math.round(collected.rss / MB)} MB and ` +
          `${Math.round(collected.heapUsed / MB)} MB, ` +
          `${Math.round((collected.heapUsed - before.heapUsed) / sessions.length)} bytes a session`,
      ],
    }
  },
}
