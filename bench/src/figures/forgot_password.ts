import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { withClient } from '../../../packages/server/src/db/connect/with_client.ts'
import type { TemporaryDatabase } from '../../../packages/server/src/db/provisioning/temporary_database.ts'
import type { AppServer } from '../app_server.ts'
import { builtScript } from '../child.ts'
import type { Figure } from '../figure.ts'
import type { LoadRequest } from '../load_job.ts'
import type { Loader } from '../loader.ts'
import { startSmtp } from '../smtp.ts'
import { median } from '../statistics.ts'
import { type BenchTenant, makeTenant } from '../tenants.ts'

const ROUNDS = 5
const REQUESTS = 200

export const forgotPassword: Figure = {
  name: 'forgot-password',
  what: 'CPU of a request for a reset link, against the same request on a server that adds no job and sends no mail; another process sends the mails',
  target: { atMost: 1.5 },
  unit: ' x',
  async measure(bench) {
    const database = await bench.openDatabase()
    const smtp = await startSmtp()
    const settings = {
      SMTP_URL: `smtp://127.0.0.1:${smtp.port}`,
      RESET_LIMIT_ADDRESS: '1000000',
      WORKER: 'off',
      NEW_DEVICE_MAIL: 'off',
    }
    const preload = pathToFileURL(builtScript('without_enqueue')).href
    const servers = {
      // Runs the jobs of the others, too.
      mailing: await bench.startApp({ ...settings, WORKER: 'on' }, database),
      off: await bench.startApp({ ...settings, NODE_OPTIONS: `--import=${preload}` }, database),
      on: await bench.startApp(settings, database),
    }
    const tenant = await makeTenant(database, servers.on.port)
    const emails = await addMembers(database, tenant, (ROUNDS + 1) * 3 * REQUESTS)
    const loader = await bench.startLoader()
    const micros: Record<keyof typeof servers, number[]> = { mailing: [], off: [], on: [] }
    for (let round = 0; round <= ROUNDS; round++) {
      for (const name of ['on', 'off', 'mailing'] as const) {
        // Each request for another account: the mails of one are limited.
        const requests = emails.splice(0, REQUESTS).map((it) => forgot(tenant, it))
        const cpu = await cpuOf(database, servers[name], loader, requests)
        // The first round warms up.
        if (round > 0) micros[name].push(cpu)
      }
    }
    await smtp.close()
    const mails = smtp.received()
    if (mails !== 2 * (ROUNDS + 1) * REQUESTS) throw new Error(`${mails} mails were received`)
    const against = (name: 'on' | 'mailing') =>
      median(micros[name].map((it, at) => it / (micros.off[at] ?? Number.NaN)))
    const of = (name: keyof typeof servers) => `${median(micros[name]).toFixed(0)} us`
    return {
      value: against('on'),
      notes: [
        `with: ${of('on')}, without: ${of('off')} of CPU of the server`,
        `with job and mail in the same process: ${of('mailing')}, ${against('mailing').toFixed(2)} x`,
      ],
    }
  },
}

function forgot({ host }: BenchTenant, email: string): LoadRequest {
  const body = JSON.stringify({ email })
  return { method: 'POST', path: '/api/auth/forgot-password', headers: { host }, body }
}

// Microseconds for each request, until its job has ended.
async function cpuOf(
  database: TemporaryDatabase,
  server: AppServer,
  loader: Loader,
  requests: LoadRequest[],
): Promise<number> {
  const before = await server.reading()
  const { statuses } = await loader.run({
    port: server.port,
    connections: 2,
    requests,
    count: requests.length,
  })
  if (Object.keys(statuses).join() !== '200') {
    throw new Error(`forgot-password: ${JSON.stringify(statuses)}`)
  }
  await untilNoJobs(database)
  return ((await server.reading()).cpuMicros - before.cpuMicros) / requests.length
}

// A request adds its job after the reply.
async function untilNoJobs({ urls }: TemporaryDatabase): Promise<void> {
  await withClient(urls.platform, async (client) => {
    for (let quiet = 0; quiet < 3; ) {
      await sleep(200)
      const { rows } = await client.query<{ jobs: number }>(
        'select count(*)::int as jobs from tenantry.jobs',
      )
      quiet = rows[0]?.jobs === 0 ? quiet + 1 : 0
    }
  })
}

async function addMembers(
  { urls }: TemporaryDatabase,
  { tenantId }: BenchTenant,
  count: number,
): Promise<string[]> {
  const ids = Array.from({ length: count }, () => randomUUID())
  await withClient(urls.platform, async (client) => {
    await client.query(
      `insert into tenantry.users (id, email, email_key)
       select id, id || '@example.com', id || '@example.com' from unnest($1::uuid[]) id`,
      [ids],
    )
    await client.query(
      'insert into tenantry.members (tenant_id, user_id) select $1, id from unnest($2::uuid[]) id',
      [tenantId, ids],
    )
  })
  return ids.map((it) => `${it}@example.com`)
}
