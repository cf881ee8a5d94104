import { pino } from 'pino'
import { z } from 'zod'
import { createJobs } from '../../../packages/server/src/app/jobs/create_jobs.ts'
import { withClient } from '../../../packages/server/src/db/connect/with_client.ts'
import { openDatabase } from '../../../packages/server/src/db/open_database.ts'
import type { TemporaryDatabase } from '../../../packages/server/src/db/provisioning/temporary_database.ts'
import { enqueueJob } from '../../../packages/server/src/jobs/enqueue.ts'
import { createAppWorker } from '../../../packages/server/src/modules/jobs/app_worker.ts'
import { app } from '../../../starter/src/app.ts'
import { emptyDatabase } from '../database.ts'
import type { Figure } from '../figure.ts'
import { configOf, makeTenants } from '../jobs_database.ts'
import { median } from '../statistics.ts'

const ROUNDS = 5
const WRITES = 1_000
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
      for (let round = 0; round <= ROUNDS; round++) {
        for (const kind of ['without', 'with'] as const) {
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
    const rates: { own: number[]; graphile: number[] } = { own: [], graphile: [] }
    for (let round = 0; round <= ROUNDS; round++) {
      const own = JOBS / (await runOwn(database, tenants))
      const answer = peer.receive<{ seconds: number }>()
      peer.send(JOBS as unknown as object)
      const graphile = JOBS / (await answer).seconds
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
    database.write(scope, async ({ db }) => {
      const row = { action: 'bench.write' }
      await db.insertInto('tenantry.audit_logs').values(row).execute()
      if (enqueues) await enqueueJob({ db }, noop, {})
    })
  const startedAt = performance.now()
  await Promise.all(
    Array.from({ length: WRITERS }, async () => {
      for (let n = 0; n < WRITES / WRITERS; n++) await write()
    }),
  )
  return (performance.now() - startedAt) / WRITES
}

// Seconds until all jobs have run.
async function runOwn(database: TemporaryDatabase, tenants: string[]): Promise<number> {
  await withClient(database.urls.platform, (client) =>
    client.query(
      `insert into tenantry.jobs (tenant_id, id, kind)
       select tenant, tenantry.new_id(), 'bench.noop'
       from unnest($1::uuid[]) tenant, generate_series(1, $2::int)`,
      [tenants, JOBS / tenants.length],
    ),
  )
  const config = configOf(database, { WORKER_TENANT_CONCURRENCY: '10' })
  const opened = openDatabase(config, () => {})
  if (opened.worker === undefined) throw new Error('no jobs role')
  const log = pino({ level: 'silent' })
  const signal = { notify: () => {} }
  const worker = createAppWorker({ app, config, log, database: opened.worker, signal }, [noop])
  const startedAt = performance.now()
  worker.start()
  await worker.idle()
  const seconds = (performance.now() - startedAt) / 1_000
  await worker.stop(1_000)
  await opened.close()
  return seconds
}
