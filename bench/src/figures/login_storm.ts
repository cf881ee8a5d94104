import { disturb, runsText } from '../disturbance.ts'
import type { Figure } from '../figure.ts'
import { loginRequest, makeTenant } from '../tenants.ts'

export const loginStorm: Figure = {
  name: 'login-storm',
  what: 'p99 of authorised reads during a storm of sign-ins against the same reads without it',
  target: { atMost: 2 },
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
    // The control: as many hashes in another process, to show the effect of the machine alone.
    const control = await disturb({
      ...watching,
      disturbing: { ...storm, port: elsewhere.port },
    })
    return {
      value: ratio,
      notes: [
        runsText('reads, no storm', quiet),
        runsText('reads, storm', disturbed),
        runsText('the storm', disturbing),
        `control, with another process that hashes as much and no sign-ins: ${control.ratio.toFixed(2)} x`,
        runsText('reads, control', control.disturbed),
        runsText('hashes, control', control.disturbing),
      ],
    }
  },
}
