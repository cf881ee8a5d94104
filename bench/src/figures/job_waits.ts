import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import { z } from 'zod'
import { createJobs } from '../../../packages/server/src/app/jobs/create_jobs.ts'
import { withClient } from '../../../packages/server/src/db/connect/with_client.ts'
import type { TemporaryDatabase } from '../../../packages/server/src/db/provisioning/temporary_database.ts'
import { enqueueJob } from '../../../packages/server/src/jobs/enqueue.ts'
import type { Worker } from '../../../packages/server/src/jobs/worker.ts'
import { createAppWorker } from '../../../packages/server/src/modules/jobs/app_worker.ts'
import { createAppParts, type OpenParts } from '../../../packages/server/src/runtime/app_parts.ts'
import { app } from '../../../starter/src/app.ts'
import type { Figure } from '../figure.ts'
import { configOf, makeTenants } from '../jobs_database.ts'
import { quantile } from '../statistics.ts'

const JOBS = 300
const PAUSE_MS = 20
const BACKLOG = 10_000

const payload = z.strictObject({ at: z.number() })

export const jobFairness: Figure = {
  name: 'job-fairness',
  what: `p99 wait of one tenant's jobs beside another tenant's ${BACKLOG.toLocaleString('en')} jobs of 5 ms, against the same jobs alone`,
  target: { atMost: 10 },
  unit: ' x',
  async measure(bench) {
    const database = await bench.openDatabase()
    const [mine = '', crowd = ''] = await makeTenants(database, 2)
    const alone = quantile(await waitsOf(database, mine, 'same'), 0.99)
    await withClient(database.urls.platform, (client) =>
      client.query(
        `insert into tenantry.jobs (tenant_id, id, kind, payload)
         select $1, tenantry.new_id(), 'bench.busy', '{}' from generate_series(1, $2::int)`,
        [crowd, BACKLOG],
      ),
    )
    const beside = quantile(await waitsOf(database, mine, 'same'), 0.99)
    const left = await withClient(database.urls.platform, (client) =>
      client.query<{ left: number }>(
        "select count(*)::int as left from tenantry.jobs where kind = 'bench.busy'",
      ),
    )
    if (left.rows[0]?.left === 0) throw new Error('the backlog ended before the measurement')
    return {
      value: beside / alone,
      notes: [
        `beside: p99 ${beside.toFixed(1)} ms (target: 100 ms), alone: ${alone.toFixed(1)} ms`,
      ],
    }
  },
}

export const jobPickup: Figure = {
  name: 'job-pickup',
  what: 'p99 from the commit of a job until it runs in the same process',
  target: { atMost: 20 },
  unit: ' ms',
  measure: async (bench) => pickup(await bench.openDatabase(), 'same'),
}

export const jobPickupElsewhere: Figure = {
  name: 'job-pickup-elsewhere',
  what: 'p99 from the commit of a job until the worker of another server runs it',
  target: { atMost: 400 },
  unit: ' ms',
  measure: async (bench) => pickup(await bench.openDatabase(), 'other'),
}

async function pickup(database: TemporaryDatabase, place: 'same' | 'other') {
  const [tenant = ''] = await makeTenants(database, 1)
  const waits = await waitsOf(database, tenant, place)
  const [p50, p99] = [quantile(waits, 0.5), quantile(waits, 0.99)]
  return { value: p99, notes: [`p50 ${p50.toFixed(1)} ms; ${JOBS} jobs, one each ${PAUSE_MS} ms`] }
}

// Milliseconds from the commit of each job until it runs. `other`: what adds the jobs and what runs them share nothing
// but the database.
async function waitsOf(
  database: TemporaryDatabase,
  tenantId: string,
  place: 'same' | 'other',
): Promise<number[]> {
  const adding = await openParts(database)
  const running = place === 'same' ? adding : await openParts(database)
  const waits: number[] = []
  const worker = startWorker(running, database, (at) => waits.push(performance.now() - at))
  try {
    await sleep(1_000)
    for (let n = 0; n < JOBS; n++) {
      await addJob(adding, tenantId)
      await sleep(PAUSE_MS)
    }
    while (waits.length < JOBS) await sleep(10)
    return waits
  } finally {
    await worker.stop(1_000)
    for (const it of new Set([adding, running])) {
      await it.listener.stop()
      await it.opened.close()
    }
  }
}

async function openParts(database: TemporaryDatabase): Promise<OpenParts> {
  const config = configOf(database)
  const parts = createAppParts(config, pino({ level: 'silent' }), database.urls.app)
  await parts.opened.loadTenantTables()
  parts.listener.start()
  return parts
}

// The time of the commit is not known beforehand, so the job has that of its beginning.
async function addJob({ database, jobs }: OpenParts, tenantId: string): Promise<void> {
  const scope = { tenant: { id: tenantId }, deadline: 'background' } as const
  await database.inTenant(scope, (db) => enqueueJob({ db }, marked, { at: performance.now() }))
  jobs.notify()
}

const { job } = createJobs()
let onMarked = (_: number) => {}
const marked = job('bench.marked', { payload, run: async (_, { at }) => onMarked(at) })
const busy = job('bench.busy', {
  payload: z.strictObject({}),
  run: async () => {
    await sleep(5)
  },
})

function startWorker(
  { workerDatabase, jobs: signal }: OpenParts,
  database: TemporaryDatabase,
  mark: (at: number) => void,
): Worker {
  if (workerDatabase === undefined) throw new Error('no jobs role')
  onMarked = mark
  const log = pino({ level: 'silent' })
  const parts = { app, config: configOf(database), log, database: workerDatabase, signal }
  const worker = createAppWorker(parts, [marked, busy])
  signal.onWake(() => worker.notify())
  worker.start()
  return worker
}
