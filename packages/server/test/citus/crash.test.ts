import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { withClient } from '../../src/db/connect/with_client.ts'
import { newId } from '../../src/lib/ids.ts'
import { insertSample, type Sample } from '../database/sample_rows.ts'
import { appMigrations } from '../fixtures/databases.ts'
import { type CitusDatabase, createCitusDatabase, distribute } from './citus_database.ts'

// A killed process makes its whole server recover: no other test runs at the same time.

const isLocal = ['127.0.0.1', 'localhost'].includes(new URL(inject('citusUrl')).hostname)

let citus: CitusDatabase
let tenant: Sample
beforeAll(async () => {
  citus = await createCitusDatabase(inject('citusUrl'), appMigrations)
  tenant = await withClient(citus.admin, insertSample)
  await distribute(citus.admin)
})
afterAll(() => citus?.drop())

/** Writes a row of the coordinator and two of a worker. Returns whether it was acknowledged. */
async function write(name: string): Promise<boolean> {
  const ids = [tenant.tenantId, newId(), name]
  try {
    return await withClient(citus.urls.app, async (client) => {
      await client.query('begin')
      await client.query('select tenantry.set_tenant($1)', [tenant.tenantId])
      await client.query(
        'insert into tenantry.roles (tenant_id, id, name) values ($1, $2, $3)',
        ids,
      )
      await client.query('insert into projects (tenant_id, id, name) values ($1, $2, $3)', ids)
      const log =
        "insert into tenantry.audit_logs (tenant_id, action, entity_id) values ($1, 'x', $2)"
      await client.query(log, [tenant.tenantId, name])
      await client.query('commit')
      return true
    })
  } catch (error) {
    // Of a constraint or a privilege: the test itself is wrong.
    if (/^(23|42)/.test((error as { code?: string }).code ?? '')) throw error
    return false
  }
}

/** Kills the processes that serve the coordinator at the worker of the tenant, with SIGKILL. */
async function killWorker(): Promise<number> {
  const { rows } = await withClient(citus.admin, (client) =>
    client.query<{ port: number }>(
      `select n.nodeport as port from get_shard_id_for_distribution_column('projects', '${tenant.tenantId}') s (id)
       join pg_dist_placement p on p.shardid = s.id join pg_dist_node n on n.groupid = p.groupid`,
    ),
  )
  const worker = citus.workers.find((it) => new URL(it).port === String(rows[0]?.port)) ?? ''
  const { rows: found } = await withClient(worker, (client) =>
    client.query<{ pid: number }>(
      "select pid from pg_stat_activity where datname = current_database() and usename = 'tenantry_app'",
    ),
  )
  for (const { pid } of found) kill(pid)
  return found.length
}

// Of a process that has ended meanwhile, another one may have the id.
function kill(pid: number): void {
  try {
    if (readFileSync(`/proc/${pid}/comm`, 'utf8').startsWith('postgres')) {
      process.kill(pid, 'SIGKILL')
    }
  } catch {}
}

interface Counts {
  projects: number
  logs: number
  roles: number
  /** Names that are not in all three tables. */
  missing: number
}

const countsSql = `
  with names as materialized (select name from tenantry.roles where name like 'crash\\_%'),
    projects as materialized (select name from projects where name like 'crash\\_%'),
    logs as materialized (select entity_id as name from tenantry.audit_logs where entity_id like 'crash\\_%')
  select (select count(*)::int from projects) as projects, (select count(*)::int from logs) as logs,
    (select count(*)::int from names) as roles,
    (select count(*)::int from (select name from (
      select name from names union all select name from projects union all select name from logs
    ) them group by name having count(*) <> 3) odd) as missing`

test.runIf(isLocal)(
  'a write in which a worker is killed is stored whole or not at all',
  async () => {
    const acknowledged: string[] = []
    let killed = 0
    let count = 0
    const writer = async () => {
      while (killed < 4) {
        const name = `crash_${count++}`
        if (await write(name)) acknowledged.push(name)
      }
    }
    const writers = Array.from({ length: 4 }, writer)
    while (killed < 4) {
      const before = acknowledged.length
      await expect.poll(() => acknowledged.length).toBeGreaterThan(before + 5)
      const isKilled = (await killWorker().catch(() => 0)) > 0
      if (isKilled) killed++
    }
    await Promise.all(writers)
    // What a worker had prepared is committed or rolled back by the coordinator, here without its pause.
    const settled = () =>
      withClient(citus.admin, async (client) => {
        await client.query('select recover_prepared_transactions()')
        return (await client.query<Counts>(countsSql)).rows[0]
      }).catch((error: Error) => error.message)
    await expect.poll(settled, { interval: 200 }).toEqual({
      projects: expect.any(Number),
      logs: expect.any(Number),
      roles: expect.any(Number),
      missing: 0,
    })
    const { rows } = await withClient(citus.admin, (client) =>
      client.query<{ name: string }>("select name from projects where name like 'crash\\_%'"),
    )
    const stored = new Set(rows.map(({ name }) => name))
    expect(acknowledged.filter((it) => !stored.has(it))).toEqual([])
    expect(acknowledged.length).toBeLessThan(count)
  },
)
