import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { SMTPServer } from 'smtp-server'
import { withClient } from '../../../packages/server/src/db/connect/with_client.ts'
import type { TemporaryDatabase } from '../../../packages/server/src/db/provisioning/temporary_database.ts'
import type { AppServer } from '../app_server.ts'
import type { Figure } from '../figure.ts'
import type { LoadRequest } from '../load_job.ts'
import type { Loader } from '../loader.ts'
import { median } from '../statistics.ts'
import { type BenchTenant, makeTenant } from '../tenants.ts'

const ROUNDS = 5
const REQUESTS = 200
/** Above so many requests for an account its last link is kept, and no mail is sent. */
const MAILS = 5

export const forgotPassword: Figure = {
  name: 'forgot-password',
  what: 'CPU of a request for a reset link with its job and its mail, against a request that finds the limit of mails exhausted and adds no job',
  target: { atMost: 1.5 },
  unit: ' x',
  async measure(bench) {
    const database = await bench.openDatabase()
    const smtp = await startSmtp()
    const server = await bench.startApp(
      { SMTP_URL: `smtp://127.0.0.1:${smtp.port}`, RESET_LIMIT_ADDRESS: '1000000' },
      database,
    )
    const tenant = await makeTenant(database, server.port)
    const emails = await addMembers(database, tenant, (ROUNDS + 1) * REQUESTS)
    const loader = await bench.startLoader()
    const cpu = (requests: LoadRequest[]) => cpuOf(database, server, loader, requests)
    await cpu(Array.from({ length: MAILS + 1 }, () => forgot(tenant, tenant.email)))
    const micros: { on: number[]; off: number[] } = { on: [], off: [] }
    for (let round = 0; round <= ROUNDS; round++) {
      const mailed = emails.slice(round * REQUESTS, (round + 1) * REQUESTS)
      const on = await cpu(mailed.map((it) => forgot(tenant, it)))
      const off = await cpu(mailed.map(() => forgot(tenant, tenant.email)))
      // The first round warms up.
      if (round === 0) continue
      micros.on.push(on)
      micros.off.push(off)
    }
    await smtp.close()
    return {
      value: median(micros.on.map((it, at) => it / (micros.off[at] ?? Number.NaN))),
      notes: [
        `with: ${median(micros.on).toFixed(0)} us, without: ${median(micros.off).toFixed(0)} us of CPU of the server, ` +
          `which sends the mails too; ${smtp.received()} mails were received`,
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

async function startSmtp() {
  let received = 0
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    onData(stream, _session, done) {
      stream.on('end', () => {
        received++
        done()
      })
      stream.resume()
    },
  })
  const listening = server.listen(0, '127.0.0.1')
  await once(listening, 'listening')
  const { port } = listening.address() as AddressInfo
  const close = () => new Promise<void>((resolve) => server.close(() => resolve()))
  return { port, received: () => received, close }
}
