import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import { expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { type Job, UnrecoverableError } from '../../src/app/jobs/job.ts'
import { backgroundScope } from '../../src/db/tenancy.ts'
import { enqueueJob } from '../../src/jobs/enqueue.ts'
import { Interruption } from '../../src/jobs/interruption.ts'
import type { Worker } from '../../src/jobs/worker.ts'
import { createAppWorker } from '../../src/modules/jobs/app_worker.ts'
import { resumeTenant, suspendTenant } from '../../src/modules/tenants/tenants.ts'
import { type TenantRow, tenantOf } from '../../src/tenancy/find_tenant.ts'
import type { TestApp, TestTenant } from '../../src/testing.ts'
import { policy } from '../fixtures/app/policy.ts'
import { attempt } from '../fixtures/attempt.ts'
import { asRole } from '../fixtures/databases.ts'
import { openTestDatabase } from '../fixtures/test_database.ts'
import {
  add,
  appWithJobs,
  changeJobs,
  createProject,
  effect,
  job,
  jobsOf,
  Name,
  projectsOf,
  startJobs,
} from './scene.ts'

test('a job exists if, and only if, the request that added it commits', async () => {
  const api = await startJobs([createProject])
  const tenant = await api.makeTenant()
  const user = await tenant.makeUser({ roles: ['admin_tenant'] })
  const send = (name: string, fails: boolean) =>
    tenant.send({
      method: 'POST',
      path: '/api/enqueued',
      user,
      body: { kind: 'projects.create', payload: { name }, fails },
    })
  expect((await send('rolled back', true)).status).toBe(500)
  expect((await send('committed', false)).status).toBe(204)
  await expect.poll(() => projectsOf(tenant)).toEqual(['committed'])
  expect(await jobsOf(tenant)).toEqual([])
  const { rows } = await asRole('platform', (client) =>
    client.query(
      `select actor_id, entity, meta from tenantry.audit_logs
       where tenant_id = $1 and action = 'projects.create'`,
      [tenant.id],
    ),
  )
  expect(rows).toEqual([
    {
      actor_id: user.id,
      entity: 'jobs',
      meta: { job: 'projects.create', job_id: expect.any(String) },
    },
  ])
})

test('a job cannot be added without a tenant or for another one (JOB-1)', async () => {
  const api = await startJobs([])
  const [tenant, other] = [await api.makeTenant(), await api.makeTenant()]
  const insert = `insert into tenantry.jobs (tenant_id, id, kind) values ($1, gen_random_uuid(), 'a.b')`
  for (const role of ['app', 'identity'] as const) {
    await asRole(role, async (client) => {
      expect(await attempt(client, undefined, insert, [tenant.id])).toMatchObject({ code: '42501' })
      expect(await attempt(client, other.id, insert, [tenant.id])).toMatchObject({ code: '42501' })
    })
  }
  await asRole('app', async (client) => {
    const steal = `update tenantry.jobs set state = 'ready'`
    expect(await attempt(client, tenant.id, steal)).toMatchObject({ code: '42501' })
  })
  await asRole('jobs', async (client) => {
    const asActor = `insert into tenantry.jobs (tenant_id, id, kind, actor_id)
      values ($1, gen_random_uuid(), 'a.b', gen_random_uuid())`
    expect(await attempt(client, undefined, asActor, [tenant.id])).toMatchObject({ code: '42501' })
    for (const table of ['users', 'members', 'sessions', 'audit_logs', 'single_use_secrets']) {
      const read = await attempt(client, undefined, `select 1 from tenantry.${table}`)
      expect([table, read.code]).toEqual([table, '42501'])
    }
    const name = await attempt(client, undefined, 'select name from tenantry.tenants')
    expect(name).toMatchObject({ code: '42501' })
  })
})

test('a job sees its own tenant only, and acts with the permissions of today (AUTHZ-6)', async () => {
  const seen: unknown[] = []
  const look = job('projects.look', {
    payload: z.strictObject({}),
    async run(ctx) {
      const rows = await ctx.db.selectFrom('projects').select('name').execute()
      const may = ctx.actor && policy.can({ actor: ctx.actor }, 'projects:create')
      seen.push([ctx.tenant.id, rows.map((it) => it.name), may])
    },
  })
  const api = await startJobs([look, createProject])
  const [tenant, other] = [await api.makeTenant(), await api.makeTenant()]
  const user = await tenant.makeUser({ roles: ['manager'] })
  await add(api, tenant, createProject, { name: 'mine' })
  await add(api, other, createProject, { name: 'theirs' })
  await api.running.settle()
  const addAs = async (before: string) => {
    await api.database.inTenant(backgroundScope(tenant.id), (db) =>
      enqueueJob({ db, actorId: user.id }, look, {}, { after: '1h' }),
    )
    if (before !== '') await asRole('platform', (it) => it.query(before, [user.id]))
    await changeJobs(tenant, 'run_at = now()')
    await expect.poll(() => seen.length, { timeout: 3_000 }).toBe(1)
    return seen.pop()
  }
  expect(await addAs('')).toEqual([tenant.id, ['mine'], true])
  expect(await addAs('delete from tenantry.member_roles where user_id = $1')).toEqual([
    tenant.id,
    ['mine'],
    false,
  ])
  expect(await addAs('delete from tenantry.members where user_id = $1')).toEqual([
    tenant.id,
    ['mine'],
    undefined,
  ])
})

test('a job that fails is repeated later, without its effects, and then parked (JOB-2)', async () => {
  let fails = true
  const flaky = job('projects.flaky', {
    payload: Name,
    async run(ctx, { name }) {
      await ctx.db.insertInto('projects').values({ id: ctx.job.id, name }).execute()
      if (fails) throw new Error('not yet')
    },
  })
  const api = await startJobs([flaky])
  const tenant = await api.makeTenant()
  await add(api, tenant, flaky, { name: 'once' })
  await api.running.settle()
  const [waiting] = await jobsOf(tenant)
  expect(waiting).toMatchObject({
    state: 'later',
    attempts: 1,
    last_error: 'Error: not yet',
    reason: null,
  })
  expect(waiting.run_at.getTime()).toBeGreaterThan(Date.now() + 5_000)
  expect(await projectsOf(tenant)).toEqual([])
  await changeJobs(tenant, `run_at = now(), due_at = now() - interval '4 days'`)
  await expect.poll(() => jobsOf(tenant)).toMatchObject([{ state: 'parked', reason: 'failed' }])
  fails = false
  await changeJobs(tenant, `state = 'ready', reason = null`)
  await expect.poll(() => projectsOf(tenant), { timeout: 3_000 }).toEqual(['once'])
})

test('an error of any kind and size is stored in a bounded text', async () => {
  const throws: (() => unknown)[] = [
    () => new Error('x'.repeat(10_000_000)),
    () => 'y'.repeat(10_000_000),
    () => new Error('one\ntwo\0three\ud800'),
    () => Object.create(null),
    () => undefined,
    () => ({
      get message() {
        throw new Error('trap')
      },
    }),
    () =>
      Object.defineProperty(new Error(), 'message', {
        get: () => {
          throw new Error('trap')
        },
      }),
    () => new Error('👍'.repeat(1_000)),
  ]
  const thrower = job('tests.throw', {
    payload: z.strictObject({ at: z.number() }),
    run: async (_, { at }) => {
      throw throws[at]?.()
    },
  })
  const api = await startJobs([thrower])
  const tenant = await api.makeTenant()
  for (const at of throws.keys()) await add(api, tenant, thrower, { at })
  await api.running.settle()
  const jobs = await jobsOf(tenant)
  expect(jobs.map((it) => it.state)).toEqual(throws.map(() => 'later'))
  for (const { last_error } of jobs) expect([...last_error].length).toBeLessThanOrEqual(500)
  expect(jobs[2].last_error).toBe('Error: one two three')
  expect(jobs[0].last_error).toMatch(/^Error: x{400}/)
  expect(Math.max(...api.logLines.map((it) => it.length))).toBeLessThan(5_000)
})

test('a job that never ends is interrupted, and does not delay other jobs', async () => {
  const endless = job('tests.hang', {
    payload: z.strictObject({}),
    timeoutSeconds: 0.5,
    run: () => new Promise(() => {}),
  })
  const api = await startJobs([endless, createProject], { WORKER_CONCURRENCY: '3' })
  const tenant = await api.makeTenant()
  for (let n = 0; n < 2; n++) await add(api, tenant, endless, {})
  await add(api, tenant, createProject, { name: 'meanwhile' })
  await expect.poll(() => projectsOf(tenant)).toEqual(['meanwhile'])
  await api.running.settle()
  const text = 'Error: it did not end within 0.5 s'
  expect(await jobsOf(tenant)).toMatchObject([
    { state: 'later', last_error: text },
    { state: 'later', last_error: text },
  ])
})

test("an unknown kind and yesterday's payload are named, kept, and parked after some attempts", async () => {
  const api = await startJobs([createProject])
  const tenant = await api.makeTenant()
  const insert = (kind: string, payload: object) =>
    asRole('platform', (client) =>
      client.query(
        'insert into tenantry.jobs (tenant_id, id, kind, payload) values ($1, tenantry.new_id(), $2, $3)',
        [tenant.id, kind, payload],
      ),
    )
  await insert('projects.forgotten', {})
  await insert('projects.create', { title: 'an older shape' })
  const waiting = [
    { state: 'later', last_error: expect.stringContaining('"projects.forgotten"') },
    { state: 'later', last_error: expect.stringContaining('the payload does not fit') },
  ]
  await expect.poll(() => jobsOf(tenant), { timeout: 3_000 }).toMatchObject(waiting)
  await changeJobs(tenant, 'run_at = now(), attempts = 5')
  const parked = [
    { state: 'parked', reason: 'kind_unknown' },
    { state: 'parked', reason: 'payload_invalid' },
  ]
  await expect.poll(() => jobsOf(tenant), { timeout: 3_000 }).toMatchObject(parked)
})

test('a job that cannot succeed is parked at its first attempt', async () => {
  const hopeless = job('tests.hopeless', {
    payload: z.strictObject({}),
    run: async () => {
      throw new UnrecoverableError('no such mailbox')
    },
  })
  const api = await startJobs([hopeless])
  const tenant = await api.makeTenant()
  await add(api, tenant, hopeless, {})
  await api.running.settle()
  expect(await jobsOf(tenant)).toMatchObject([{ state: 'parked', reason: 'failed', attempts: 1 }])
})

test('the work of a job that has lost its lease is not done', async () => {
  const api = await startJobs([])
  // It would take the job itself, once it is ready.
  await api.running.worker?.stop(0)
  const database = openTestDatabase()
  const tenant = await api.makeTenant()
  await add(api, tenant, createProject, { name: 'twice' })
  await changeJobs(tenant, `state = 'running', lease = gen_random_uuid(), leased_until = now()`)
  const { JobQueue } = await import('../../src/jobs/queue.ts')
  const { runJob } = await import('../../src/jobs/run_job.ts')
  const [row] = await jobsOf(tenant)
  const deps = {
    database,
    jobs: new Map([[createProject.kind, createProject]]),
    signal: { notify: () => {} },
    tenantOf: (row: TenantRow) => tenantOf(row, 'https://{tenant}.app.test'),
    loadMember: async () => undefined,
  }
  const stolen = { ...row, waited_seconds: 0, lease: row.lease }
  await new JobQueue(database).promote()
  await expect(runJob(deps, stolen, new Interruption())).rejects.toThrow(/another worker/)
  expect(await projectsOf(tenant)).toEqual([])
  expect(await jobsOf(tenant)).toMatchObject([{ state: 'ready', lost_leases: 1 }])
})

test('a job whose workers die again and again is parked', async () => {
  const api = await startJobs([createProject])
  const tenant = await api.makeTenant()
  await add(api, tenant, createProject, { name: 'deadly' }, { after: '1d' })
  await changeJobs(
    tenant,
    `state = 'running', lease = gen_random_uuid(), leased_until = now(), lost_leases = 4`,
  )
  await expect
    .poll(() => jobsOf(tenant), { timeout: 3_000 })
    .toMatchObject([{ state: 'parked', reason: 'worker_lost' }])
})

test('the effects outside of the database happen at least once, those in it exactly once', async () => {
  const acted: string[] = []
  let isDown = true
  const send = effect('projects.send', {
    payload: Name,
    prepare: async (_, { name }) => (name === 'nothing to do' ? undefined : { text: `to ${name}` }),
    async act({ text }) {
      acted.push(text)
      return text.length
    },
    async done(ctx, { name }, length) {
      if (isDown) throw new Error('not stored')
      await ctx.db
        .insertInto('projects')
        .values({ id: ctx.job.id, name: `${name} ${length}` })
        .execute()
    },
  })
  const api = await startJobs([send])
  const tenant = await api.makeTenant()
  await add(api, tenant, send, { name: 'ann' })
  await add(api, tenant, send, { name: 'nothing to do' })
  await api.running.settle()
  expect(acted).toEqual(['to ann'])
  expect(await jobsOf(tenant)).toMatchObject([{ state: 'later', last_error: 'Error: not stored' }])
  isDown = false
  await changeJobs(tenant, 'run_at = now()')
  await expect.poll(() => projectsOf(tenant), { timeout: 3_000 }).toEqual(['ann 6'])
  expect(acted).toEqual(['to ann', 'to ann'])
  expect(await jobsOf(tenant)).toEqual([])
})

test("a suspended tenant's 100 jobs wait, and run when it is active again", async () => {
  const api = await startJobs([createProject])
  const [tenant, other] = [await api.makeTenant(), await api.makeTenant()]
  await api.database.acrossTenants('test', (db) => suspendTenant(db, tenant.subdomain))
  await api.database.inTenant(backgroundScope(tenant.id), async (db) => {
    for (let n = 0; n < 100; n++) await enqueueJob({ db }, createProject, { name: `project ${n}` })
  })
  await add(api, other, createProject, { name: 'unharmed' })
  await expect.poll(() => projectsOf(other)).toEqual(['unharmed'])
  await api.running.settle()
  expect(new Set((await jobsOf(tenant)).map((it) => it.state))).toEqual(new Set(['held']))
  expect(await projectsOf(tenant)).toEqual([])
  await api.database.acrossTenants('test', (db) => resumeTenant(db, tenant.subdomain))
  await expect.poll(async () => (await projectsOf(tenant)).length, { timeout: 10_000 }).toBe(100)
})

test("one tenant's backlog does not delay another tenant's job (JOB-3)", async () => {
  const slow = job('tests.slow', { payload: z.strictObject({}), run: () => sleep(50) })
  const api = await startJobs([slow, createProject])
  const [busy, other] = [await api.makeTenant(), await api.makeTenant()]
  await asRole('platform', (client) =>
    client.query(
      `insert into tenantry.jobs (tenant_id, id, kind)
       select $1, tenantry.new_id(), 'tests.slow' from generate_series(1, 2000)`,
      [busy.id],
    ),
  )
  api.running.worker?.notify()
  await sleep(200)
  await add(api, other, createProject, { name: 'quick' })
  await expect.poll(() => projectsOf(other), { interval: 10 }).toEqual(['quick'])
  // In the order of arrival it would have come last.
  const rest = await jobsOf(busy)
  expect(rest.length).toBeGreaterThan(500)
  expect(rest.filter((it) => it.state === 'running').length).toBeLessThanOrEqual(4)
})

test('a key adds no second waiting job, and a delay postpones the first run', async () => {
  const api = await startJobs([createProject])
  const tenant = await api.makeTenant()
  for (const name of ['first', 'second']) {
    await add(api, tenant, createProject, { name }, { after: '1h', key: 'one' })
  }
  await add(api, tenant, createProject, { name: 'third' }, { after: '1h', key: 'other' })
  await api.running.settle()
  const jobs = await jobsOf(tenant)
  expect(jobs.map((it) => it.payload.name)).toEqual(['first', 'third'])
  expect(jobs[0].run_at.getTime()).toBeGreaterThan(Date.now() + 3_500_000)
})

test('a payload that does not fit, or is too large, fails the caller', async () => {
  const api = await startJobs([createProject])
  const tenant = await api.makeTenant()
  const wrong = { title: 'x' } as never
  await expect(add(api, tenant, createProject, wrong)).rejects.toThrow(/payload is invalid/)
  const large = { name: 'x'.repeat(9_000) }
  await expect(add(api, tenant, createProject, large)).rejects.toThrow(
    /store the data, and put only/,
  )
  const never = { after: '1y' } as never
  await expect(add(api, tenant, createProject, { name: '' }, never)).rejects.toThrow(
    /length of time/,
  )
  expect(await jobsOf(tenant)).toEqual([])
})

test('of two workers one runs a job, and a stopping worker finishes what it runs', async () => {
  const runs: string[] = []
  const slow = job('tests.count', {
    payload: Name,
    async run(ctx, { name }) {
      runs.push(name)
      await sleep(50)
      await ctx.db.insertInto('projects').values({ id: ctx.job.id, name }).execute()
    },
  })
  const api = await startJobs([slow])
  const tenant = await api.makeTenant()
  const second = startWorker(api, tenant, [slow])
  const names = Array.from({ length: 30 }, (_, n) => `n${100 + n}`)
  for (const name of names) await add(api, tenant, slow, { name })
  second.notify()
  await sleep(60)
  await second.stop(5_000)
  await expect.poll(() => projectsOf(tenant), { timeout: 5_000 }).toEqual(names)
  expect(runs.toSorted()).toEqual(names)
})

test('a job waits for no slot of one worker while another worker has one', async () => {
  let end = () => {}
  const ended = new Promise<void>((resolve) => {
    end = resolve
  })
  const long = job('tests.long', { payload: z.strictObject({}), run: () => ended })
  const api = await startJobs([long, createProject], { WORKER_CONCURRENCY: '2' })
  const tenant = await api.makeTenant()
  // After short jobs a worker takes further ones before it has a slot for them.
  for (let n = 0; n < 60; n++) await add(api, tenant, createProject, { name: `short ${n}` })
  await api.running.settle()
  for (let n = 0; n < 2; n++) await add(api, tenant, long, {})
  await expect
    .poll(async () => (await jobsOf(tenant)).map((it) => it.state))
    .toEqual(['running', 'running'])
  await add(api, tenant, createProject, { name: 'another' })
  startWorker(api, tenant, [long, createProject])
  await expect.poll(() => projectsOf(tenant), { timeout: 10_000 }).toContain('another')
  end()
  await expect.poll(() => jobsOf(tenant)).toEqual([])
})

function startWorker(api: TestApp, tenant: TestTenant, jobs: readonly Job[]): Worker {
  const worker = createAppWorker(
    {
      app: appWithJobs(jobs),
      config: api.config,
      log: pino({ level: 'silent' }),
      database: openTestDatabase({ max: 10 }),
      signal: { notify: () => {} },
      tenants: () => [tenant.id],
    },
    [],
  )
  worker.start()
  onTestFinished(() => worker.stop(5_000))
  return worker
}
