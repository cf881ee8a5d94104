import { randomBytes } from 'node:crypto'
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { citusFaults } from '../../src/db/citus/citus_faults.ts'
import { citusPlan } from '../../src/db/citus/citus_plan.ts'
import { readCitusState } from '../../src/db/citus/citus_state.ts'
import { rebalance, setForce } from '../../src/db/citus/moves.ts'
import { readShardState } from '../../src/db/citus/shard_checks.ts'
import { withClient } from '../../src/db/connect/with_client.ts'
import { schemaFaults } from '../../src/db/lint/boot_check.ts'
import { findingText, lint } from '../../src/db/lint/lint.ts'
import { liftedForce } from '../../src/db/lint/table_rules.ts'
import { splitStatements } from '../../src/db/migrations/split_statements.ts'
import { newId } from '../../src/lib/ids.ts'
import { insertSample, type Sample } from '../database/sample_rows.ts'
import { appMigrations } from '../fixtures/databases.ts'
import { type CitusDatabase, createCitusDatabase, distribute } from './citus_database.ts'

// `npm run test:citus` only. A database that is distributed here, after it has rows.

let citus: CitusDatabase
let a: Sample
let b: Sample

beforeAll(async () => {
  citus = await createCitusDatabase(inject('citusUrl'), appMigrations)
  await withClient(citus.admin, async (client) => {
    a = await insertSample(client)
    b = await insertSample(client)
  })
})
afterAll(() => citus?.drop())

const asAdmin = <T>(work: (client: pg.Client) => Promise<T>) => withClient(citus.admin, work)
const faults = () => asAdmin(async (client) => citusFaults(await readCitusState(client)))

/** Runs SQL as the app role in the transaction of a tenant. */
function inTenant(tenantId: string, sql: string, values: unknown[] = []) {
  return withClient(citus.urls.app, async (client) => {
    await client.query('begin')
    try {
      await client.query('select tenantry.set_tenant($1)', [tenantId])
      const { rows } = await client.query(sql, values)
      await client.query('commit')
      return rows
    } finally {
      await client.query('rollback').catch(() => {})
    }
  })
}

const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'accepted',
    (error: { code?: string }) => error.code,
  )

async function countRows(client: pg.Client) {
  const { rows } = await client.query(
    'select (select count(*)::int from projects) as projects, (select count(*)::int from tenantry.audit_logs) as log',
  )
  return rows[0]
}

async function waitingLocks(): Promise<number> {
  const { rows } = await asAdmin((client) =>
    client.query<{ count: number }>(
      "select count(*)::int as count from pg_locks where not granted and relation = 'projects'::regclass",
    ),
  )
  return rows[0]?.count ?? 0
}

// Shards are hidden from other connections.
const SHOW_SHARDS =
  'set citus.override_table_visibility = off; set citus.enable_ddl_propagation = off'

describe.sequential('tenantry scale citus', () => {
  test('refuses what it cannot do, each in a line that says what to do', async () => {
    const owner = await withClient(citus.urls.owner, async (client) =>
      citusFaults(await readCitusState(client)),
    )
    expect(owner).toEqual([expect.stringContaining('does not name a superuser')])
    await asAdmin((client) =>
      client.query(`
        create policy narrow on projects as restrictive for select to tenantry_app using (name <> '');
        create policy reads_more on projects for select to tenantry_jobs
          using (exists (select from tenantry.tenants t where t.id = tenant_id));
        create trigger touch before update on projects for each row
          execute function suppress_redundant_updates_trigger();
        grant update (name) on projects to tenantry_jobs;
        alter table projects add constraint late unique (tenant_id, id, name) deferrable`),
    )
    expect(await faults()).toEqual([
      expect.stringMatching(/^public.projects \(late\) is deferrable/),
      'public.projects has the trigger touch, which Citus does not allow: drop it',
      expect.stringMatching(/^the policy reads_more of public.projects reads more than columns/),
      expect.stringMatching(/^the policy narrow of public.projects is restrictive/),
      expect.stringMatching(/^public.projects grants single columns/),
    ])
    await asAdmin((client) =>
      client.query(`
        drop policy narrow on projects; drop policy reads_more on projects;
        drop trigger touch on projects; revoke update (name) on projects from tenantry_jobs;
        alter table projects drop constraint late`),
    )
    // The privilege is gone, and its empty list stays.
    await asAdmin((client) =>
      client.query("update pg_attribute set attacl = null where attrelid = 'projects'::regclass"),
    )
    expect(await faults()).toEqual([])
  })

  test('refuses a table that was distributed by hand', async () => {
    await asAdmin((client) =>
      client.query('alter table projects drop constraint projects_tenant_fkey'),
    )
    await asAdmin((client) =>
      client.query(
        "select create_distributed_table('projects', 'tenant_id', colocate_with => 'none')",
      ),
    )
    expect(await faults()).toEqual([
      expect.stringContaining('public.projects was distributed by hand'),
    ])
    await asAdmin((client) => client.query("select undistribute_table('projects')"))
    expect(await faults()).toEqual([
      expect.stringMatching(/^public.projects has lost the record of its plane: run comment on/),
    ])
    await asAdmin((client) =>
      client.query("comment on policy app_own_tenant on projects is 'tenantry: data plane'"),
    )
    expect(await faults()).toEqual([])
  })

  test('distributes all rows, and does nothing the second time', async () => {
    const before = await asAdmin(countRows)
    await distribute(citus.admin)
    expect(await asAdmin(countRows)).toEqual(before)
    expect(before.projects).toBeGreaterThan(1)
    const state = await asAdmin(readCitusState)
    expect(citusFaults(state)).toEqual([])
    expect(citusPlan(state)).toEqual({ options: [], phases: [], distribution: [] })
    expect(state.tables.map(({ kind, localBytes }) => [kind, localBytes])).toEqual([
      ['distributed', 0],
      ['distributed', 0],
    ])
  })
})

describe('on the workers', () => {
  test('every shard has the row-level security of its table', async () => {
    const state = await withClient(citus.urls.app, readShardState)
    expect(state).toMatchObject({ local: [], leftBehind: [], silent: [], unprotected: [] })
    expect(state?.publicFunctions).toEqual([])
    expect(state?.shards).toBe(64)
  })

  test('doctor sees a shard without it', async () => {
    const [worker = ''] = citus.workers
    const shard = await withClient(worker, async (client) => {
      await client.query(SHOW_SHARDS)
      const { rows } = await client.query<{ name: string }>(
        "select oid::regclass::text as name from pg_class where relname ~ '^projects_[0-9]+$' and relkind = 'r' limit 1",
      )
      await client.query(`alter table ${rows[0]?.name} disable row level security`)
      return rows[0]?.name ?? ''
    })
    const state = await withClient(citus.urls.app, readShardState)
    expect(state?.unprotected).toEqual([expect.stringContaining(shard.replace(/^.*_/, '_'))])
    await withClient(worker, async (client) => {
      await client.query(SHOW_SHARDS)
      await client.query(`alter table ${shard} enable row level security`)
    })
  })

  test('a tenant reads and writes its own rows on its shard alone', async () => {
    const name = `p ${randomBytes(4).toString('hex')}`
    const sql = 'insert into projects (tenant_id, id, name) values ($1, $2, $3)'
    expect(await codeOf(inTenant(a.tenantId, sql, [a.tenantId, newId(), name]))).toBe('accepted')
    const found = 'select name from projects where tenant_id = $1 and name = $2 for update'
    expect(await inTenant(a.tenantId, found, [a.tenantId, name])).toEqual([{ name }])
    expect(await inTenant(b.tenantId, found, [a.tenantId, name])).toEqual([])
    expect(await inTenant(b.tenantId, 'select name from projects where name = $1', [name])).toEqual(
      [],
    )
    const plan = await inTenant(
      a.tenantId,
      `explain (format json) select from projects where tenant_id = '${a.tenantId}'`,
    )
    expect(JSON.stringify(plan)).toContain('"Task Count":1')
  })

  test('every shard refuses the rows of other tenants, and those without a tenant', async () => {
    const strangers = Array.from({ length: 40 }, newId)
    for (const tenantId of strangers) {
      const values = [tenantId, newId()]
      const sql = "insert into projects (tenant_id, id, name) values ($1, $2, 'x')"
      const log =
        "insert into tenantry.audit_logs (tenant_id, action, request_id) values ($1, 'x', left($2::text, 9))"
      const other = "update projects set name = 'stolen' where tenant_id = $1 and id <> $2"
      expect(await codeOf(inTenant(a.tenantId, sql, values))).toBe('42501')
      expect(await codeOf(inTenant(a.tenantId, log, values))).toBe('42501')
      expect(await codeOf(inTenant(a.tenantId, other, values))).toBe('accepted')
      expect(await codeOf(withClient(citus.urls.app, (client) => client.query(sql, values)))).toBe(
        '42501',
      )
    }
    const stolen = await asAdmin((client) =>
      client.query("select from projects where name = 'stolen'"),
    )
    expect(stolen.rowCount).toBe(0)
  })

  test('no role deletes from the audit log, and none writes its time', async () => {
    const remove = (url: string) =>
      codeOf(withClient(url, (client) => client.query('delete from tenantry.audit_logs')))
    for (const url of [citus.urls.app, citus.urls.identity, citus.urls.platform]) {
      expect(await remove(url)).toBe('42501')
    }
    const old =
      "insert into tenantry.audit_logs (tenant_id, action, created_at) values ($1, 'x', now() - interval '1 day')"
    expect(await codeOf(inTenant(a.tenantId, old, [a.tenantId]))).toBe('42501')
  })

  test('a table that a later migration makes is distributed, with its keys', async () => {
    const statements = splitStatements(`begin;
      create table tasks (tenant_id uuid not null, id uuid not null, project_id uuid not null,
        primary key (tenant_id, id),
        foreign key (tenant_id, project_id) references projects (tenant_id, id) on delete cascade);
      select tenantry.make_tenant_table('tasks');
      create index tasks_by_project on tasks (tenant_id, project_id);
      alter table tasks add column done boolean not null default false;
      commit`)
    await withClient(citus.urls.owner, async (owner) => {
      for (const it of statements) await owner.query(it)
    })
    const state = await withClient(citus.urls.app, readShardState)
    expect(state).toMatchObject({ local: [], unprotected: [], shards: 96 })
    expect(await faults()).toEqual([])
    const full = `create table full_table (tenant_id uuid not null primary key);
      insert into full_table values (gen_random_uuid()); select tenantry.make_tenant_table('full_table')`
    const error = await withClient(citus.urls.owner, (owner) => owner.query(full)).catch((it) => it)
    expect(error.message).toContain('on Citus the table must be empty')
    const narrow = `create table narrow (tenant_id uuid not null primary key);
      create policy p on narrow as restrictive to tenantry_app using (true); select tenantry.make_tenant_table('narrow')`
    const refused = await withClient(citus.urls.owner, (owner) => owner.query(narrow)).catch(
      (it) => it,
    )
    expect(refused.message).toContain('on Citus no policy may be restrictive')
  })

  test('the force is lifted for a move, and put back', async () => {
    await asAdmin((client) => setForce(client, false))
    expect((await withClient(citus.urls.app, readShardState))?.unprotected).toEqual([])
    const forced = () =>
      asAdmin(async (client) => {
        const { rows } = await client.query(
          "select bool_and(relforcerowsecurity) as forced from pg_class where oid in ('projects'::regclass, 'tenantry.audit_logs'::regclass)",
        )
        return rows[0].forced
      })
    expect(await forced()).toBe(false)
    const judge = () =>
      withClient(citus.urls.app, async (client) => ({
        lifted: (await lint(client, [liftedForce])).map(findingText),
        violations: (await schemaFaults(client, {})).violations,
      }))
    const lifted = await judge()
    expect(lifted.violations).toEqual([])
    expect(lifted.lifted).toContainEqual(
      'L28 projects: row-level security is not forced on this table, as during a move; ' +
        'after the move run: tenantry scale citus --restore-force',
    )
    expect(lifted.lifted).toHaveLength(3)
    await asAdmin((client) => setForce(client, true))
    expect(await forced()).toBe(true)
    expect(await judge()).toEqual({ lifted: [], violations: [] })
    expect((await withClient(citus.urls.app, readShardState))?.unprotected).toEqual([])
  })

  test('a table without row-level security is no table whose force is lifted', async () => {
    await asAdmin((client) => client.query('alter table projects disable row level security'))
    const { violations } = await withClient(citus.urls.app, (client) => schemaFaults(client, {}))
    expect(violations).toEqual([
      expect.stringMatching(/^L1 projects: /),
      expect.stringMatching(/^L13 public.projects: /),
    ])
    await asAdmin((client) => client.query('alter table projects enable row level security'))
  })

  test('the force waits for a long transaction without keeping requests waiting', async () => {
    const read = () =>
      inTenant(a.tenantId, 'select from projects where tenant_id = $1', [a.tenantId])
    await withClient(citus.urls.app, async (backup) => {
      await backup.query('begin')
      await backup.query('select tenantry.set_tenant($1)', [a.tenantId])
      await backup.query('select from projects where tenant_id = $1', [a.tenantId])
      const lifting = asAdmin((client) => setForce(client, false))
      await expect.poll(async () => (await waitingLocks()) > 0).toBe(true)
      const startedAt = performance.now()
      await read()
      expect(performance.now() - startedAt).toBeLessThan(20_000)
      await backup.query('commit')
      await lifting
    })
    await asAdmin((client) => setForce(client, true))
  })

  test('a tenant moves to a shard of its own on another worker, with its rows', async () => {
    await asAdmin(async (client) => {
      const before = await countRows(client)
      await setForce(client, false)
      await client.query("select isolate_tenant_to_new_shard('projects', $1::uuid, 'CASCADE')", [
        b.tenantId,
      ])
      const { rows } = await client.query(`
        select s.id, n.nodename as host, n.nodeport as port, o.nodename as "newHost", o.nodeport as "newPort"
        from get_shard_id_for_distribution_column('projects', '${b.tenantId}') s (id)
        join pg_dist_placement p on p.shardid = s.id
        join pg_dist_node n on n.groupid = p.groupid
        join pg_dist_node o on o.groupid not in (0, n.groupid) limit 1`)
      const [{ id, host, port, newHost, newPort }] = rows
      const to = [id, host, port, newHost, newPort]
      await client.query('select citus_move_shard_placement($1, $2, $3, $4, $5)', to)
      await setForce(client, true)
      expect(await countRows(client)).toEqual(before)
    })
    const mine = 'select from projects where tenant_id = $1'
    expect(await inTenant(b.tenantId, mine, [b.tenantId])).not.toEqual([])
    expect(await inTenant(a.tenantId, mine, [b.tenantId])).toEqual([])
    expect((await withClient(citus.urls.app, readShardState))?.unprotected).toEqual([])
  })

  test('a rebalance moves shards under writes, and gives a new worker what it lacks', async () => {
    const [worker = ''] = citus.workers
    await withClient(worker, async (client) => {
      await client.query('set citus.enable_ddl_propagation = off')
      await client.query('grant execute on all functions in schema tenantry to public')
    })
    const state = () => withClient(citus.urls.app, readShardState)
    expect((await state())?.publicFunctions).toHaveLength(1)
    const before = await asAdmin(countRows)
    const sql = 'insert into projects (tenant_id, id, name) values ($1, $2, $3)'
    let isMoving = true
    const writes = (async () => {
      let stored = 0
      while (isMoving || stored === 0) {
        await inTenant(a.tenantId, sql, [a.tenantId, newId(), `moved ${stored++}`])
      }
      return stored
    })()
    await asAdmin(rebalance).finally(() => {
      isMoving = false
    })
    const stored = await writes
    expect(await asAdmin(countRows)).toEqual({ ...before, projects: before.projects + stored })
    expect(await state()).toMatchObject({ publicFunctions: [], unprotected: [] })
  })
})
