import { send } from '../../../packages/server/src/testing/http_client.ts'
import { startProjectServers } from '../bare_projects.ts'
import { contest, evenLoad, ratioOf, showingText } from '../contest.ts'
import type { Figure } from '../figure.ts'

export const projectsRead: Figure = {
  name: 'projects-read',
  what: 'GET /api/projects/:id in its tenant: CPU per request against a hand-written `pg` loop that pipelines the same four statements behind bare `node:http`',
  mustReach: { atMost: 1.6 },
  unit: ' x',
  async measure(bench) {
    const { server, bare, tenant } = await startProjectServers(bench)
    const { headers } = tenant
    const body = { name: 'Apollo' }
    const made = await send(server.port, { method: 'POST', path: '/api/projects', headers, body })
    const job = { ...evenLoad, requests: [{ path: `/api/projects/${made.json.id}`, headers }] }
    const [ours = [], theirs = []] = await contest(await bench.startLoader(), [
      { name: 'tenantry', server, job },
      { name: 'by hand', server: bare, job },
    ])
    return {
      value: ratioOf('cpuPerRequest', ours, theirs),
      notes: [showingText('tenantry', ours), showingText('by hand', theirs)],
    }
  },
}
