import { randomBytes } from 'node:crypto'
import type { Bench } from '../bench.ts'
import { busyLoad, type Contender, contest, ratioOf, resultText } from '../contest.ts'
import { emptyDatabase } from '../database.ts'
import type { Figure } from '../figure.ts'
import { makeTenant } from '../tenants.ts'

export const betterAuth: Figure = {
  name: 'better-auth',
  what: 'authorised GET /api/tenant/tenant-data: CPU per request against better-auth 1.7.25 (organization plugin, `pg`, getSession + hasPermission, cookie cache, joins) behind bare `node:http`',
  target: { atMost: 1 / 60 },
  unit: ' x',
  async measure(bench) {
    const server = await bench.startApp()
    const { headers } = await makeTenant(bench.database, server.port)
    const requests = [{ path: '/api/tenant/tenant-data', headers }]
    const database = await emptyDatabase(bench.database, 'better_auth')
    const [ours = [], cached = [], uncached = []] = await contest(await bench.startLoader(), [
      { name: 'tenantry', server, job: { ...busyLoad, requests } },
      await contender(bench, database, 'on'),
      await contender(bench, database, 'off'),
    ])
    return {
      value: ratioOf('cpuPerRequest', ours, cached),
      notes: [
        resultText('tenantry', ours),
        resultText('better-auth, cookie cache (revocation takes up to 5 minutes)', cached),
        resultText('better-auth, every session read from the database', uncached),
      ],
    }
  },
}

async function contender(
  bench: Bench,
  database: string,
  cookieCache: 'on' | 'off',
): Promise<Contender> {
  const server = await bench.startPeer('better_auth', {
    AUTH_DB_URL: database,
    AUTH_SECRET: randomBytes(32).toString('base64'),
    COOKIE_CACHE: cookieCache,
  })
  const { cookie = '' } = server.info
  const headers = { host: 'acme.app.test', cookie, accept: 'application/json' }
  const job = { ...busyLoad, requests: [{ path: '/', headers }] }
  return { name: `better-auth, cookie cache ${cookieCache}`, server, job }
}
