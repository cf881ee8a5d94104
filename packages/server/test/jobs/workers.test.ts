import { randomBytes } from 'node:crypto'
import { expect, onTestFinished, test } from 'vitest'
import { withClient } from '../../src/db/connect/with_client.ts'
import { builtFrom } from '../fixtures/built_kernel.ts'
import { makeWorkplace, type RunningCommand } from '../fixtures/cli.ts'
import { type DatabaseUrls, onMigratedDatabase } from '../fixtures/databases.ts'

const workerApp = new URL('./worker_app.ts', import.meta.url).pathname

function settings({ app, identity, jobs }: DatabaseUrls): Record<string, string> {
  return {
    NODE_ENV: 'production',
    DB_URL: app,
    DB_IDENTITY_URL: identity,
    DB_JOBS_URL: jobs,
    SECRET_KEY: randomBytes(48).toString('base64'),
    BASE_DOMAINS: 'app.test',
    PUBLIC_ORIGIN: 'https://{tenant}.app.test',
    HOST: '127.0.0.1',
  }
}

async function addJobs({ platform }: DatabaseUrls, count: number): Promise<void> {
  await withClient(platform, async (client) => {
    await client.query(`insert into tenantry.tenants (id, name, subdomain, code)
      select gen_random_uuid(), 'T', 't-' || n, 'T_' || n from generate_series(1, 4) n
      on conflict do nothing`)
    await client.query(
      `insert into tenantry.jobs (tenant_id, id, kind, payload)
       select t.id, tenantry.new_id(), 'projects.store', jsonb_build_object('name', 'n' || n)
       from tenantry.tenants t, generate_series(1, $1::int) n`,
      [count / 4],
    )
  })
}

async function stateOf({ platform }: DatabaseUrls) {
  const { rows } = await withClient(platform, (client) =>
    client.query(`select (select count(*)::int from tenantry.jobs) as jobs,
      (select count(*)::int from projects) as projects,
      (select count(distinct (tenant_id, name))::int from projects) as distinct_projects`),
  )
  return rows[0]
}

test('two worker processes share the jobs; what a killed one had is done once by the other (JOB-2)', {
  timeout: 180_000,
}, async () => {
  await onMigratedDatabase(async (urls) => {
    const place = makeWorkplace(builtFrom(workerApp))
    onTestFinished(() => place.remove())
    await addJobs(urls, 400)
    const launch = () => place.launch('worker', settings(urls))
    const [first, second] = [launch(), launch()] as [RunningCommand, RunningCommand]
    await Promise.all([first, second].map((it) => it.says(/running background jobs/)))
    await expect
      .poll(async () => (await stateOf(urls)).projects, { timeout: 30_000 })
      .toBeGreaterThan(20)
    first.process.kill('SIGKILL')
    await expect
      .poll(() => stateOf(urls), { timeout: 90_000, interval: 500 })
      .toEqual({
        jobs: 0,
        projects: 400,
        distinct_projects: 400,
      })
    second.process.kill('SIGTERM')
    const { code, stdout } = await second.finished
    expect([code, stdout]).toEqual([0, expect.stringContaining('finishing the jobs that run')])
  })
})
