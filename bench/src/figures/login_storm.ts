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
    const elsewhere = await bench.startPeer('bare_argon2')
    const watching = {
      watcher: await bench.startLoader(),
      watched: { port, connections: 8, pauseMs: 20, requests },
      disturber: await bench.startLoader(),
    }
    const storm = { port, connections: 50, requests: [loginRequest(storming)] }
    const { ratio, quiet, disturbed, disturbing } = await disturb({
      ...watching,
      disturbing: storm,
    })
    // As many hashes, none of them ours: what the machine does to anybody's requests beside them.
    const alien = await disturb({
      ...watching,
      disturbing: { ...storm, port: elsewhere.port },
    })
    return {
      value: ratio,
      notes: [
        runsText('reads, no storm', quiet),
        runsText('reads, storm', disturbed),
        runsText('the storm', disturbing),
        `while another process hashes as much, and nobody signs in: ${alien.ratio.toFixed(2)} x`,
        runsText('reads, hashes elsewhere', alien.disturbed),
        runsText('hashes elsewhere', alien.disturbing),
      ],
    }
  },
}
