import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { builtFrom } from '../fixtures/built_kernel.ts'
import { makeWorkplace, type Workplace } from '../fixtures/cli.ts'
import { type Cluster, startCluster } from './cluster.ts'

const KILLS = 50
const JOBS = 1_000
const workerApp = new URL('../jobs/worker_app.ts', import.meta.url).pathname

let cluster: Cluster
let place: Workplace
beforeAll(async () => {
  cluster = await startCluster()
  place = makeWorkplace(builtFrom(workerApp))
}, 180_000)
afterAll(async () => {
  await place.remove()
  await cluster.stop()
}, 60_000)

function launchWorker() {
  const { app, identity, jobs } = cluster.urls
  return place.launch('worker', {
    NODE_ENV: 'production',
    DB_URL: app,
    DB_IDENTITY_URL: identity,
    DB_JOBS_URL: jobs,
    SECRET_KEY: randomBytes(48).toString('base64'),
    BASE_DOMAINS: 'app.test',
    PUBLIC_ORIGIN: 'https://{tenant}.app.test',
  })
}

async function addJobs(): Promise<void> {
  await cluster.asAdmin(async (client) => {
    await client.query(`insert into tenantry.tenants (id, name, subdomain, code)
      select gen_random_uuid(), 'T', 't-' || n, 'T_' || n from generate_series(1, 10) n`)
    await client.query(
      `insert into tenantry.jobs (tenant_id, id, kind, payload)
       select t.id, tenantry.new_id(),
         case when n % 2 = 0 then 'projects.store' else 'projects.send' end,
         jsonb_build_object('name', t.code || '-' || n)
       from tenantry.tenants t, generate_series(1, $1::int) n`,
      [JOBS / 10],
    )
  })
}

async function state() {
  const { rows } = await cluster.asAdmin((client) =>
    client.query(`select (select count(*)::int from tenantry.jobs) as jobs,
      (select count(*)::int from tenantry.jobs where state = 'parked') as parked,
      (select count(*)::int from projects) as stored,
      (select count(distinct name)::int from projects) as distinct_names`),
  )
  return rows[0]
}

test(`${JOBS} jobs under ${KILLS} kill -9: effects in the database exactly once, others at least once (JOB-2)`, {
  timeout: 900_000,
}, async () => {
  await addJobs()
  for (let kill = 0; kill < KILLS; kill++) {
    const worker = launchWorker()
    await worker.says(/running background jobs/)
    await sleep(Math.random() * 300)
    worker.process.kill('SIGKILL')
    await worker.finished
  }
  const last = launchWorker()
  await expect.poll(async () => (await state()).jobs, { timeout: 300_000, interval: 1_000 }).toBe(0)
  last.process.kill('SIGTERM')
  await last.finished
  expect(await state()).toEqual({
    jobs: 0,
    parked: 0,
    stored: JOBS / 2,
    distinct_names: JOBS / 2,
  })
  const sent = readFileSync(join(place.folder, 'sent.txt'), 'utf8').trim().split('\n')
  expect(new Set(sent).size).toBe(JOBS / 2)
  process.stdout.write(
    `fault: jobs: ${KILLS} kills, ${sent.length} lines for ${JOBS / 2} effects\n`,
  )
})

test('a database that restarts in the middle of jobs: they go on within 30 s (JOB-2)', {
  timeout: 300_000,
}, async () => {
  await cluster.asAdmin((client) =>
    client.query('delete from projects; update tenantry.jobs set lost_leases = 0'),
  )
  const worker = launchWorker()
  await worker.says(/running background jobs/)
  await cluster.asAdmin((client) =>
    client.query(`insert into tenantry.jobs (tenant_id, id, kind, payload)
      select t.id, tenantry.new_id(), 'projects.store', jsonb_build_object('name', t.code || '-' || n)
      from tenantry.tenants t, generate_series(1, 200) n`),
  )
  await expect.poll(async () => (await state()).stored, { timeout: 30_000 }).toBeGreaterThan(50)
  const [postmaster = 0] = await cluster.processes()
  process.kill(postmaster, 'SIGKILL')
  await sleep(1_000)
  await cluster.restart()
  const backAt = performance.now()
  const before = (await state()).stored
  await expect.poll(async () => (await state()).stored, { timeout: 30_000 }).toBeGreaterThan(before)
  expect(performance.now() - backAt).toBeLessThan(30_000)
  await expect.poll(async () => (await state()).jobs, { timeout: 120_000, interval: 1_000 }).toBe(0)
  expect(await state()).toMatchObject({ stored: 2_000, distinct_names: 2_000 })
  worker.process.kill('SIGTERM')
  await worker.finished
})
