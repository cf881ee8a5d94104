import { cpuAgainst, writingLoad } from '../contest.ts'
import type { Figure } from '../figure.ts'
import { startProjectServers } from '../project_servers.ts'

export const projectsCreate: Figure = {
  name: 'projects-create',
  what: 'POST /api/projects with its audit row: CPU per request against the hand-written equivalent, which pipelines the same six statements',
  target: { atMost: 1.6 },
  unit: ' x',
  async measure(bench) {
    const { server, bare, tenant } = await startProjectServers(bench)
    const create = {
      method: 'POST',
      path: '/api/projects',
      headers: tenant.headers,
      body: JSON.stringify({ name: 'Project {random}' }),
    } as const
    const other = { name: 'by hand', server: bare }
    const duel = { requests: [create], server, other }
    return cpuAgainst(await bench.startLoader(), duel, writingLoad)
  },
}
