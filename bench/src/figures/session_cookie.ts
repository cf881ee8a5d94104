import { busyLoad, contest, ratioOf, resultText } from '../contest.ts'
import type { Figure } from '../figure.ts'
import { sessionCookieOf } from '../sessions.ts'
import { makeTenant } from '../tenants.ts'

export const sessionCookie: Figure = {
  name: 'session-cookie',
  what: 'GET /api/tenant/tenant-data by session cookie: CPU per request against the same by bearer token',
  target: { atMost: 1.1 },
  unit: ' x',
  async measure(bench) {
    const server = await bench.startApp()
    const tenant = await makeTenant(bench.database, server.port)
    const { authorization: _bearer, ...others } = tenant.headers
    const cookie = sessionCookieOf(bench.secret, tenant)
    // What a browser adds to a fetch of its own page.
    const site = { 'sec-fetch-site': 'same-origin', 'sec-fetch-mode': 'cors' }
    const path = '/api/tenant/tenant-data'
    const jobs = [
      { name: 'cookie', headers: { ...others, cookie, ...site } },
      { name: 'bearer', headers: { ...tenant.headers, ...site } },
    ]
    const [byCookie = [], byBearer = []] = await contest(
      await bench.startLoader(),
      jobs.map(({ name, headers }) => ({
        name,
        server,
        job: { ...busyLoad, requests: [{ path, headers }] },
      })),
    )
    return {
      value: ratioOf('cpuPerRequest', byCookie, byBearer),
      notes: [resultText('cookie', byCookie), resultText('bearer', byBearer)],
    }
  },
}
