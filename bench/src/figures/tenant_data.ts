import { busyLoad, cpuAgainst, evenLoad } from '../contest.ts'
import type { Figure } from '../figure.ts'
import { makeTenant } from '../tenants.ts'

export const tenantData: Figure = {
  name: 'tenant-data',
  what: 'authorised GET /api/tenant/tenant-data: CPU per request against a bare `node:http` "hello"',
  target: { atMost: 2 },
  unit: ' x',
  async measure(bench) {
    const server = await bench.startApp()
    const bare = await bench.startPeer('bare_hello')
    const { headers } = await makeTenant(bench.database, server.port)
    const requests = [{ path: '/api/tenant/tenant-data', headers }]
    const other = { name: 'bare node:http', server: bare }
    const loader = await bench.startLoader()
    const duel = { requests, server, other }
    const busy = await cpuAgainst(loader, duel, busyLoad)
    const even = await cpuAgainst(loader, duel, evenLoad)
    const idle = `${even.value.toFixed(2)} x at some 5,000 requests a second, where both mostly sleep:`
    return { ...busy, notes: [...busy.notes, idle, ...even.notes] }
  },
}
