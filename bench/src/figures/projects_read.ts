import { cpuAgainst, evenLoad } from '../contest.ts'
import type { Figure } from '../figure.ts'
import { startProjectServers } from '../project_servers.ts'
import { createProject } from '../tenants.ts'

export const projectsRead: Figure = {
  name: 'projects-read',
  what: 'GET /api/projects/:id in its tenant: CPU per request against a hand-written `pg` loop that pipelines the same four statements behind bare `node:http`',
  target: { atMost: 1.6 },
  unit: ' x',
  async measure(bench) {
    const { server, bare, tenant } = await startProjectServers(bench)
    const path = await createProject(server.port, tenant)
    const other = { name: 'by hand', server: bare }
    const requests = [{ path, headers: tenant.headers }]
    return cpuAgainst(await bench.startLoader(), { requests, server, other }, evenLoad)
  },
}
