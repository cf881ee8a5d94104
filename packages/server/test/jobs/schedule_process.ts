import type pg from 'pg'
import { z } from 'zod'
import { createJobs } from '../../src/app/jobs/create_jobs.ts'
import { eachTenant, every } from '../../src/app/jobs/schedule.ts'
import { createPool } from '../../src/db/pool.ts'
import { roles } from '../../src/db/provisioning/roles.ts'
import { createDatabase } from '../../src/db/tenancy.ts'
import { Schedules } from '../../src/jobs/schedules.ts'

// One of several processes that share a schedule. Its parent sends the time of each look.

const { JOBS: jobsUrl = '', APP: appUrl = '' } = process.env

function pool(url: string): pg.Pool {
  return createPool({
    url,
    max: 1,
    waitMs: 10_000,
    queryTimeoutMs: 12_000,
    pipeline: true,
    name: 'tenantry test',
    limits: roles.jobs.limits,
    onError: () => {},
  })
}

const app = pool(appUrl)
const database = createDatabase({ app, identity: app, jobs: pool(jobsUrl) }, true)
const digest = createJobs().job('digests.send', {
  payload: z.strictObject({}),
  run: async () => {},
})
let now = new Date()
const schedules = new Schedules(
  database,
  [every('* * * * *', 'UTC', eachTenant(digest))],
  () => now,
)

process.on('message', async (text) => {
  now = new Date(String(text))
  await schedules.tick()
  process.send?.('ticked')
})
process.send?.('ready')
