import { randomUUID } from 'node:crypto'
import { onTestFinished } from 'vitest'
import { z } from 'zod'
import { type App, defineApp } from '../../src/app/define_app.ts'
import type { Job } from '../../src/app/jobs/job.ts'
import type { Schedule } from '../../src/app/jobs/schedule.ts'
import { backgroundScope } from '../../src/db/tenancy.ts'
import { enqueueJob } from '../../src/jobs/enqueue.ts'
import { startTestApp, type TestApp, type TestTenant } from '../../src/testing.ts'
import { app } from '../fixtures/app/app.ts'
import { post } from '../fixtures/app/policy.ts'
import { asRole } from '../fixtures/databases.ts'
import { effect, job, Name } from './declared.ts'

export { effect, job, Name }

/** A job that stores a project of the name in its payload: an effect that can be counted. */
export const createProject = job('projects.create', {
  payload: Name,
  audit: 'projects.create',
  async run(ctx, { name }) {
    await ctx.db.insertInto('projects').values({ id: randomUUID(), name }).execute()
  },
})

/** The fixture app with these jobs, and a route that adds one of them and then fails if asked to. */
export function appWithJobs(jobs: readonly Job[], schedules: readonly Schedule[] = []): App {
  const enqueueing = post('/api/enqueued', {
    access: 'projects:create',
    summary: 'Add a job',
    body: z.strictObject({ kind: z.string(), payload: z.unknown(), fails: z.boolean() }),
    audit: 'enqueued.create',
    async handle(ctx, { body }) {
      const found = jobs.find((it) => it.kind === body.kind)
      if (found === undefined) throw new Error(`no job ${body.kind}`)
      await ctx.enqueue(found, body.payload)
      if (body.fails) throw new Error('after the job was added')
    },
  })
  return defineApp({ ...app, jobs, schedules, routes: [...app.routes, enqueueing] })
}

/** An app that runs these jobs until the test ends. */
export async function startJobs(
  jobs: readonly Job[],
  settings: Record<string, string> = {},
): Promise<TestApp> {
  const api = await startTestApp(appWithJobs(jobs), settings)
  onTestFinished(() => api.close())
  return api
}

/** Adds a job as a request does, without an actor. */
export async function add<P extends z.ZodType>(
  api: TestApp,
  tenant: TestTenant,
  wanted: Job<P>,
  payload: z.input<P>,
  options?: Parameters<typeof enqueueJob>[3],
): Promise<void> {
  await api.database.inTenant(backgroundScope(tenant.id), (db) =>
    enqueueJob({ db }, wanted, payload, options),
  )
  api.running.worker?.notify()
}

/** The jobs of a tenant, oldest first. */
export async function jobsOf({ id }: { id: string }) {
  const { rows } = await asRole('platform', (client) =>
    client.query('select * from tenantry.jobs where tenant_id = $1 order by id', [id]),
  )
  return rows
}

/** The names of a tenant's projects, sorted. */
export async function projectsOf({ id }: { id: string }): Promise<string[]> {
  const { rows } = await asRole('platform', (client) =>
    client.query<{ name: string }>('select name from projects where tenant_id = $1 order by name', [
      id,
    ]),
  )
  return rows.map((it) => it.name)
}

/** Changes the jobs of a tenant, as no role of the app may. */
export async function changeJobs({ id }: { id: string }, set: string): Promise<void> {
  await asRole('platform', (client) =>
    client.query(`update tenantry.jobs set ${set} where tenant_id = $1`, [id]),
  )
}
