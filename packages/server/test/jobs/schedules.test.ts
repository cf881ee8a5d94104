import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect, inject, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { eachTenant, every } from '../../src/app/jobs/schedule.ts'
import { withClient } from '../../src/db/connect/with_client.ts'
import { Schedules } from '../../src/jobs/schedules.ts'
import { builtFrom } from '../fixtures/built_kernel.ts'
import { onMigratedDatabase } from '../fixtures/databases.ts'
import { openTestDatabase } from '../fixtures/test_database.ts'
import { job } from './scene.ts'

const program = fileURLToPath(new URL('./schedule_process.ts', import.meta.url))

const digest = job('digests.send', { payload: z.strictObject({}), run: async () => {} })

async function startProcess(url: string, appUrl: string): Promise<ChildProcess> {
  const child = fork(builtFrom(program), { env: { ...process.env, JOBS: url, APP: appUrl } })
  onTestFinished(() => void child.kill())
  await once(child, 'message')
  return child
}

async function tickAt(child: ChildProcess, now: string): Promise<void> {
  const ticked = once(child, 'message')
  child.send(now)
  expect((await ticked)[0]).toBe('ticked')
}

async function insertTenants(url: string, count: number): Promise<void> {
  await withClient(url, (client) =>
    client.query(
      `insert into tenantry.tenants (id, name, subdomain, code)
       select gen_random_uuid(), 'T', 't-' || n, 'T_' || n from generate_series(1, $1::int) n`,
      [count],
    ),
  )
}

test('a schedule on three processes adds its jobs once a tick (JOB-4)', {
  timeout: 120_000,
}, async () => {
  await onMigratedDatabase(async (urls) => {
    await insertTenants(urls.platform, 3)
    const children = await Promise.all([1, 2, 3].map(() => startProcess(urls.jobs, urls.app)))
    const at = (minute: number) => new Date(Date.UTC(2030, 0, 1, 0, minute, 1)).toISOString()
    await Promise.all(children.map((it) => tickAt(it, at(0))))
    for (let minute = 1; minute <= 20; minute++) {
      await Promise.all(children.map((it) => tickAt(it, at(minute))))
      // As if the jobs of this tick had been taken: otherwise the next one would find them waiting.
      await withClient(urls.platform, (client) =>
        client.query(`update tenantry.jobs set state = 'running', leased_until = '2100-01-01'`),
      )
    }
    const { rows } = await withClient(urls.platform, (client) =>
      client.query('select tenant_id, count(*)::int from tenantry.jobs group by 1'),
    )
    expect(rows.map((it) => it.count)).toEqual([20, 20, 20])
    for (const child of children) child.kill()
    await Promise.all(children.map((it) => once(it, 'exit')))
  })
})

test('a missed tick is made up for once, or skipped, and a tick reaches every tenant', {
  timeout: 60_000,
}, async () => {
  await onMigratedDatabase(async (urls) => {
    await insertTenants(urls.platform, 1_234)
    const database = openTestDatabase({ urls })
    let now = new Date('2030-01-01T00:00:30Z')
    const each = eachTenant(digest)
    const schedules = (missed: 'run' | 'skip') =>
      new Schedules(
        database,
        [every('0 * * * *', 'UTC', each, { name: missed, missed })],
        () => now,
      )
    const [run, skip] = [schedules('run'), schedules('skip')]
    const count = async (name: string) => {
      const { rowCount } = await withClient(urls.platform, (client) =>
        client.query('select from tenantry.jobs where key = $1', [`schedule ${name}`]),
      )
      return rowCount
    }
    for (const it of [run, skip]) expect(await it.tick()).toBe(false)
    now = new Date('2030-01-01T05:30:00Z')
    expect(await run.tick()).toBe(true)
    expect(await run.tick()).toBe(false)
    expect(await skip.tick()).toBe(false)
    expect([await count('run'), await count('skip')]).toEqual([1_234, 0])
    now = new Date('2030-01-01T06:00:01Z')
    expect(await skip.tick()).toBe(true)
    expect(await count('skip')).toBe(1_234)
    // The jobs of the previous tick still wait: they are not added again.
    await run.tick()
    expect(await count('run')).toBe(1_234)
    await database.close()
  })
})

test('a wrong pattern, time zone or payload is rejected when it is declared', () => {
  const each = eachTenant(digest)
  expect(() => every('every day', 'UTC', each)).toThrow(/schedule|pattern/i)
  expect(() => every('0 6 * * *', 'Europe/Atlantis', each)).toThrow()
  expect(() => every('0 0 31 2 *', 'UTC', each)).toThrow(/has no tick/)
  expect(inject('tenantryDatabase').jobs).toContain('tenantry_jobs')
})
