import { disturb, runsText } from '../disturbance.ts'
import type { Figure } from '../figure.ts'
import { createProject, makeTenant } from '../tenants.ts'

// The default of TENANT_RATE, which the other figures raise.
const SHARE = 200

export const noisyNeighbour: Figure = {
  name: 'noisy-neighbour',
  what: 'p99 of project reads of tenant B while tenant A sends ten times its share of them, against A idle',
  target: { atMost: 1.5 },
  unit: ' x',
  async measure(bench) {
    const server = await bench.startApp({ TENANT_RATE: String(SHARE) })
    const { port } = server
    const [a, b] = [await makeTenant(bench.database, port), await makeTenant(bench.database, port)]
    const requests = [{ path: await createProject(port, b), headers: b.headers }]
    const flood = [{ path: await createProject(port, a), headers: a.headers }]
    const { ratio, quiet, disturbed, disturbing } = await disturb({
      watcher: await bench.startLoader(),
      watched: { port, connections: 4, pauseMs: 40, requests },
      disturber: await bench.startLoader(),
      disturbing: { port, connections: SHARE / 10, pauseMs: 10, requests: flood },
    })
    return {
      value: ratio,
      notes: [
        runsText('B, A idle', quiet),
        runsText('B, A flooding', disturbed),
        runsText('A', disturbing),
      ],
    }
  },
}
