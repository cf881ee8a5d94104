import type { Bench } from '../bench.ts'
import { asSuperuser } from '../database.ts'
import type { Figure } from '../figure.ts'
import type { LoadRequest } from '../load_job.ts'
import { median } from '../statistics.ts'
import { createProject, loginRequest, makeTenant } from '../tenants.ts'

const MB = 2 ** 20
const SAMPLES = 20

export const soak: Figure = {
  name: 'soak',
  what: 'growth of the heap under load, from the first quarter of a soak to its last (flat)',
  target: { atMost: 2 },
  unit: ' MB',
  async measure(bench) {
    const server = await bench.startApp()
    const { port } = server
    const loader = await bench.startLoader()
    const job = { port, connections: 16, pauseMs: 5, requests: await requestsOf(bench, port) }
    const seconds = (bench.scale.soakMinutes * 60) / SAMPLES
    // Memory that code and caches allocate once is not growth. Each sign-in of the load revokes an older
    // session, which sends an invalidation, and a process logs the last 50,000 of them.
    await asSuperuser(bench.database, fillInvalidationLog)
    await loader.run({ ...job, seconds: Math.max(10, seconds) })
    const heaps: number[] = []
    let replies = 0
    for (let sample = 0; sample < SAMPLES; sample++) {
      replies += (await loader.run({ ...job, seconds })).replies
      heaps.push((await server.reading('collection')).heapUsed / MB)
    }
    const quarter = SAMPLES / 4
    return {
      at: `in ${bench.scale.soakMinutes} minutes`,
      value: median(heaps.slice(-quarter)) - median(heaps.slice(0, quarter)),
      notes: [
        `${bench.scale.soakMinutes} minutes, ${replies} requests: reads, writes, sign-ins, rejections`,
        `heap after collection, MB: ${heaps.map((it) => it.toFixed(1)).join(' ')}`,
      ],
    }
  },
}

const fillInvalidationLog = `
  select pg_notify('tenantry', 'session:' || gen_random_uuid()) from generate_series(1, 60000)`

async function requestsOf(bench: Bench, port: number): Promise<LoadRequest[]> {
  const tenant = await makeTenant(bench.database, port)
  const { headers, host } = tenant
  const read = { path: '/api/tenant/tenant-data', headers }
  const project = { path: await createProject(port, tenant), headers }
  const body = JSON.stringify({ name: 'Soak {random}' })
  const create = { method: 'POST', path: '/api/projects', headers, body } as const
  const missing = { path: '/api/{random}', headers }
  const anonymous = { path: '/api/projects', headers: { host, authorization: 'Bearer {random}' } }
  const others = [read, project, read, create, read, project, missing, anonymous]
  return [...others, ...others, ...others, loginRequest(tenant)]
}
