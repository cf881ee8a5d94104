import { afterAll, beforeAll, expect, test } from 'vitest'
import { insertSample, type Sample } from '../../../test/database/sample_rows.ts'
import { makeWorkplace, type Workplace } from '../../../test/fixtures/cli.ts'
import { asRole, sharedDatabase } from '../../../test/fixtures/databases.ts'

const { app, identity, platform } = sharedDatabase()
const environment = { DB_URL: app, DB_IDENTITY_URL: identity, DB_PLATFORM_URL: platform }

let place: Workplace
let sample: Sample
let subdomain: string
let id: string
beforeAll(async () => {
  place = makeWorkplace()
  sample = await asRole('platform', insertSample)
  subdomain = String(sample.rows['tenantry.tenants']?.['subdomain'])
  id = String(sample.rows['tenantry.jobs']?.['id'])
  await asRole('platform', (it) =>
    it.query(`update tenantry.jobs set state = 'parked', reason = 'failed' where id = $1`, [id]),
  )
  // A worker of another test may take a job that is ready.
  await asRole('platform', (it) =>
    it.query(`update tenantry.tenants set status = 'suspended' where id = $1`, [sample.tenantId]),
  )
})
afterAll(() => place.remove())

const run = (command: string) => place.run(command, environment)

test('tenantry jobs lists, shows and counts jobs', { timeout: 90_000 }, async () => {
  const list = await run(`jobs list --tenant ${subdomain}`)
  expect(list.stdout).toMatch(new RegExp(`${id} +${subdomain} +samples.wait +parked \\(failed\\)`))
  const shown = await run(`jobs show ${id} --json`)
  expect(JSON.parse(shown.stdout)).toMatchObject({
    id,
    kind: 'samples.wait',
    state: 'parked',
    subdomain,
  })
  const stats = await run(`jobs stats --tenant ${subdomain} --json`)
  expect(JSON.parse(stats.stdout)).toMatchObject([
    { kind: 'samples.wait', state: 'parked', count: 1 },
  ])
  expect((await run(`jobs list --tenant ${subdomain} --state later`)).stdout).not.toContain(id)
})

test('tenantry jobs retries and drops, and records both', { timeout: 90_000 }, async () => {
  expect((await run(`jobs retry ${id}`)).stdout).toBe('made ready: 1 jobs\n')
  const state = async () =>
    asRole('platform', (it) => it.query('select state from tenantry.jobs where id = $1', [id]))
  expect(['ready', 'held']).toContain((await state()).rows[0]?.state)
  expect((await run(`jobs drop --tenant ${subdomain}`)).stdout).toBe('dropped: 0 jobs\n')
  expect((await run(`jobs drop ${id}`)).stdout).toBe('dropped: 1 jobs\n')
  const gone = await run(`jobs drop ${id}`)
  expect([gone.code, gone.stderr]).toEqual([1, expect.stringContaining(`there is no job ${id}`)])
  const { rows } = await asRole('platform', (it) =>
    it.query(
      `select action, meta from tenantry.audit_logs where tenant_id = $1 and entity_id = $2 order by id`,
      [sample.tenantId, id],
    ),
  )
  expect(rows).toEqual([
    { action: 'jobs.retry', meta: { job: 'samples.wait' } },
    { action: 'jobs.drop', meta: { job: 'samples.wait' } },
  ])
})

test('tenantry jobs names what is wrong', { timeout: 90_000 }, async () => {
  for (const [command, text] of [
    ['jobs drop', 'name the job to drop, or give --kind or --tenant'],
    ['jobs show x', 'is not the id of a job'],
    ['jobs list --tenant nowhere', 'nowhere'],
    ['jobs list --limit 0', 'It must be a number from 1'],
  ] as const) {
    const { code, stderr } = await run(command)
    expect([command, code, stderr]).toEqual([command, 1, expect.stringContaining(text)])
  }
})

test('tenantry worker needs the DSN of the jobs role, and a database of its own', {
  timeout: 90_000,
}, async () => {
  expect((await run('worker')).stderr).toContain('a worker needs DB_JOBS_URL')
  expect((await place.run('worker')).stderr).toContain('set DB_URL')
})
