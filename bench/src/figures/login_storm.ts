import { disturb, runsText } from '../disturbance.ts'
import type { Figure } from '../figure.ts'
import { loginRequest, makeTenant } from '../tenants.ts'

export const loginStorm: Figure = {
  name: 'login-storm',
  what: 'p99 of authorised reads during a storm of sign-ins against without',
  mustReach: { atMost: 2 },
  unit: ' x',
  async measure(bench) {
    const server = await bench.startApp()
    const { port } = server
    const reading = await makeTenant(bench.database, port)
    const storming = await makeTenant(bench.database, port)
    const requests = [{ path: '/api/tenant/tenant-data', headers: reading.headers }]
    const { ratio, quiet, disturbed, disturbing } = await disturb({
      watcher: await bench.startLoader(),
      watched: { port, connections: 8, pauseMs: 20, requests },
      disturber: await bench.startLoader(),
      disturbing: { port, connections: 50, requests: [loginRequest(storming)] },
    })
    return {
      value: ratio,
      notes: [
        runsText('reads, no storm', quiet),
        runsText('reads, storm', disturbed),
        runsText('the storm', disturbing),
      ],
    }
  },
}
