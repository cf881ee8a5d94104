import { join } from 'node:path'
import { z } from 'zod'
import { createJobs } from '../../../packages/server/src/app/jobs/create_jobs.ts'
import { withClient } from '../../../packages/server/src/db/connect/with_client.ts'
import { openDatabase } from '../../../packages/server/src/db/open_database.ts'
import type { TemporaryDatabase } from '../../../packages/server/src/db/provisioning/temporary_database.ts'
import { enqueueJob } from '../../../packages/server/src/jobs/enqueue.ts'
import type { Peer } from '../child.ts'
import { emptyDatabase } from '../database.ts'
import type { Figure } from '../figure.ts'
import { configOf, makeTenants, settingsOf } from '../jobs_database.ts'
import { median } from '../statistics.ts'

const ROUNDS = 5
// A round takes half a second, which other work on the machine can disturb.
const ENQUEUE_ROUNDS = 15
const WRITES = 2_000
const WRITERS = 4
const JOBS = 4_000
const TENANTS = 10

const noop = createJobs().job('bench.noop', { payload: z.strictObject({}), run: async () => {} })

export const enqueue: Figure = {
  name: 'enqueue',
  what: 'a write with `ctx.enqueue` against the same write without: time of one transaction in the database',
  target: { atMost: 1.3 },
  unit: ' x',
  async measure(bench) {
    const database = await bench.openDatabase()
    const [tenantId = ''] = await makeTenants(database, 1)
    const opened = openDatabase(configOf(database), () => {})
    const results: { with: number[]; without: number[] } = { with: [], without: [] }
    try {
      for (let round = 0; round <= ENQUEUE_ROUNDS; round++) {
        // In turns: what one leaves behind, such as a vacuum, falls into the other.
        const kinds = ['without', 'with'] as const
        for (const kind of round % 2 === 0 ? kinds : kinds.toReversed()) {
          const ms = await writesIn(opened.database, tenantId, kind === 'with')
          // The first round warms up.
          if (round > 0) results[kind].push(ms)
        }
      }
    } finally {
      await opened.close()
    }
    return {
      value: median(results.with.map((it, at) => it / (results.without[at] ?? Number.NaN))),
      notes: [
        `with: ${median(results.with).toFixed(2)} ms, without: ${median(results.without).toFixed(2)} ms; ` +
          `${WRITERS} writers, no worker runs`,
      ],
    }
  },
}

export const jobThroughput: Figure = {
  name: 'jobs',
  what: `no-op jobs per second, ${JOBS.toLocaleString('en')} of ${TENANTS} tenants, 10 at a time, against graphile-worker 0.17.3, which knows no tenants`,
  target: { atLeast: 1 },
  unit: ' x',
  async measure(bench) {
    const database = await bench.openDatabase()
    const tenants = await makeTenants(database, TENANTS)
    const peer = await bench.startPeer('graphile_jobs', {
      JOBS_DB_URL: await emptyDatabase(database, 'graphile'),
    })
    const worker = await bench.startPeer('own_jobs', {
      ...settingsOf(database),
      KERNEL: join(bench.app.folder, 'node_modules/tenantry/dist'),
      BASE_DOMAINS: 'app.test',
      PUBLIC_ORIGIN: 'https://{tenant}.app.test',
      SECRET_KEY: bench.secret,
      WORKER_TENANT_CONCURRENCY: '10',
    })
    const rates: { own: number[]; graphile: number[] } = { own: [], graphile: [] }
    for (let round = 0; round <= ROUNDS; round++) {
      await addJobs(database, tenants)
      const own = JOBS / (await secondsOf(worker, 'run'))
      await assertNoJobs(database)
      const graphile = JOBS / (await secondsOf(peer, JOBS))
      if (round === 0) continue
      rates.own.push(own)
      rates.graphile.push(graphile)
    }
    return {
      value: median(rates.own.map((it, at) => it / (rates.graphile[at] ?? Number.NaN))),
      notes: [
        `tenantry: ${Math.round(median(rates.own))}/s, graphile-worker: ${Math.round(median(rates.graphile))}/s`,
      ],
    }
  },
}

// Milliseconds for one write.
async function writesIn(
  database: ReturnType<typeof openDatabase>['database'],
  tenantId: string,
  enqueues: boolean,
): Promise<number> {
  const scope = { tenant: { id: tenantId }, deadline: 'background' } as const
  const write = () =>
    database.write(scope, async (transaction) => {
      const { db } = transaction
      const row = { action: 'bench.write' }
      await db.insertInto('tenantry.audit_logs').values(row).execute()
      if (enqueues) await enqueueJob({ db, transaction }, noop, {})
    })
  const startedAt = performance.now()
  await Promise.all(
    Array.from({ length: WRITERS }, async () => {
      for (let n = 0; n < WRITES / WRITERS; n++) await write()
    }),
  )
  return (performance.now() - startedAt) / WRITES
}

function addJobs({ urls }: TemporaryDatabase, tenants: string[]): Promise<unknown> {
  return withClient(urls.platform, (client) =>
    client.query(
      `insert into tenantry.jobs (tenant_id, id, kind)
       select tenant, tenantry.new_id(), 'bench.noop'
       from unnest($1::uuid[]) tenant, generate_series(1, $2::int)`,
      [tenants, JOBS / tenants.length],
    ),
  )
}

async function assertNoJobs({ urls }: TemporaryDatabase): Promise<void> {
  const { rows } = await withClient(urls.platform, (client) =>
    client.query('select from tenantry.jobs limit 1'),
  )
  if (rows.length > 0) throw new Error('some jobs did not run')
}

// Seconds until all jobs have run.
async function secondsOf(worker: Peer, message: string | number): Promise<number> {
  const answer = worker.receive<{ seconds: number }>()
  worker.send(message as unknown as object)
  return (await answer).seconds
}
