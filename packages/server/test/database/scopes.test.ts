import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { withClient } from '../../src/db/connect/with_client.ts'
import { attempt } from '../fixtures/attempt.ts'
import { asRole, scopeUrls, sharedDatabase } from '../fixtures/databases.ts'
import { insertSample, type Sample } from './sample_rows.ts'

let a: Sample
let b: Sample
const clients = {} as Record<'app' | 'identity' | 'platform' | 'owner', pg.Client>

beforeAll(async () => {
  ;[a, b] = await asRole('platform', async (client) => [
    await insertSample(client),
    await insertSample(client),
  ])
  for (const role of ['app', 'identity', 'platform', 'owner'] as const) {
    clients[role] = new pg.Client({ ...sharedDatabase(), ...scopeUrls() }[role])
    await clients[role].connect()
  }
})
afterAll(() => Promise.all(Object.values(clients).map((it) => it.end())))

describe('set_tenant', () => {
  const app = (text: string, values: unknown[] = []) =>
    attempt(clients.app, undefined, text, values)

  test('rejects null', async () => {
    const tried = await app('select tenantry.set_tenant(null)')
    expect(tried).toMatchObject({
      code: '22004',
      message: 'set_tenant() requires a tenant id, not NULL',
    })
  })

  test('accepts the same tenant again in a transaction, and no other one', async () => {
    const again = await attempt(clients.app, a.tenantId, 'select tenantry.set_tenant($1)', [
      a.tenantId,
    ])
    expect(again.code).toBe('ok')
    const other = await attempt(clients.app, a.tenantId, 'select tenantry.set_tenant($1)', [
      b.tenantId,
    ])
    expect(other).toMatchObject({
      code: '42501',
      message: 'this transaction already has another tenant',
    })
  })

  test('lasts until its transaction ends, and survives a rollback to a later savepoint', async () => {
    const { app: client } = clients
    const seen = async () => (await client.query('select id from projects')).rowCount
    await client.query('begin')
    await client.query('select tenantry.set_tenant($1)', [a.tenantId])
    await client.query('savepoint s')
    await client.query('rollback to s')
    expect(await seen()).toBe(1)
    await client.query('commit')
    expect(await seen()).toBe(0)
  })

  test('has no effect outside of a transaction (POOL-1)', async () => {
    await clients.app.query('select tenantry.set_tenant($1)', [a.tenantId])
    expect((await clients.app.query('select id from projects')).rowCount).toBe(0)
  })

  test('fails where the session has kept a tenant (POOL-1)', async () => {
    await withClient(sharedDatabase().app, async (client) => {
      await client.query("select set_config('app.tenant_id', $1, false)", [a.tenantId])
      const tried = await attempt(client, b.tenantId, 'select id from projects')
      expect(tried).toMatchObject({ code: '42501', rowCount: 0 })
    })
  })

  test('accepts only an id, so that nothing else ever reaches a policy', async () => {
    const tried = await app("select tenantry.set_tenant('all')")
    expect(tried.code).toBe('22P02')
  })
})

describe('make_tenant_table', () => {
  test.each([
    ['create table lab (tenant_id uuid, id uuid)', 'no primary key'],
    ['create table lab (tenant_id uuid not null, id uuid primary key)', 'another key column first'],
    [
      'create table lab (tenant_id text, id uuid, primary key (tenant_id, id))',
      'tenant_id is not a uuid',
    ],
    ['create table lab (id uuid, tenant_id uuid, primary key (id, tenant_id))', 'tenant_id last'],
  ])('rejects: %s (%s)', async (table) => {
    const tried = await attempt(
      clients.owner,
      undefined,
      `do $do$ begin ${table.replace('lab', 'public.lab')}; perform tenantry.make_tenant_table('public.lab'); end $do$`,
    )
    expect(tried).toMatchObject({
      code: 'P0001',
      message:
        'make_tenant_table(public.lab): the primary key must start with "tenant_id uuid not null"',
    })
  })

  test('forces row-level security on the owner too, and fails when called twice', async () => {
    const { owner } = clients
    await owner.query('begin')
    try {
      await owner.query('create table lab (tenant_id uuid, id int, primary key (tenant_id, id))')
      await owner.query("select tenantry.make_tenant_table('lab')")
      const { rows } = await owner.query(`
        select relrowsecurity as enabled, relforcerowsecurity as forced, array(
          select polroles[1]::regrole::text from pg_policy where polrelid = c.oid order by 1) as roles
        from pg_class c where oid = 'lab'::regclass`)
      expect(rows).toEqual([
        {
          enabled: true,
          forced: true,
          roles: ['tenantry_app', 'tenantry_backup', 'tenantry_platform'],
        },
      ])
      await owner.query('savepoint made')
      const insert = owner.query('insert into lab values ($1, 1)', [a.tenantId])
      await expect(insert).rejects.toMatchObject({ code: '42501' })
      await owner.query('rollback to made')
      const again = owner.query("select tenantry.make_tenant_table('lab')")
      await expect(again).rejects.toMatchObject({ code: '42710' })
    } finally {
      await owner.query('rollback')
    }
  })

  test('records the plane of a table: data for an app and the audit log, control for the kernel', async () => {
    const { owner } = clients
    const planes = async () => {
      const { rows } = await owner.query<{ name: string; plane: string }>(`
        select polrelid::regclass::text as name, obj_description(oid, 'pg_policy') as plane
        from pg_policy where polname = 'app_own_tenant'`)
      return Object.fromEntries(rows.map(({ name, plane }) => [name, plane]))
    }
    await owner.query('begin')
    try {
      await owner.query('create table lab (tenant_id uuid, id int, primary key (tenant_id, id))')
      await owner.query('savepoint made')
      const neither = owner.query("select tenantry.make_tenant_table('lab', 'other')")
      await expect(neither).rejects.toThrow("the plane is 'control' or 'data', not 'other'")
      await owner.query('rollback to made')
      await owner.query("select tenantry.make_tenant_table('lab', 'control')")
      await owner.query('alter table lab rename to renamed')
      expect(await planes()).toMatchObject({
        renamed: 'tenantry: control plane',
        projects: 'tenantry: data plane',
        'tenantry.audit_logs': 'tenantry: data plane',
        'tenantry.members': 'tenantry: control plane',
        'tenantry.jobs': 'tenantry: control plane',
      })
    } finally {
      await owner.query('rollback')
    }
  })
})

describe('the identity role', () => {
  const identity = (text: string, values: unknown[] = [], tenantId?: string) =>
    attempt(clients.identity, tenantId, text, values)

  test('sees no tenant that is being deleted, and no unverified domain', async () => {
    const [deleting, unverified] = [randomUUID(), `${randomUUID()}.example.com`]
    await asRole('platform', async (client) => {
      const values = `select gen_random_uuid(), 'x', 's-' || left($1, 8), 'S' || upper(left($1, 8))`
      await client.query(
        `insert into tenantry.tenants (id, name, subdomain, code, status) ${values}, 'deleting'`,
        [deleting],
      )
      await client.query('update tenantry.tenants set status = $1 where id = $2', [
        'suspended',
        b.tenantId,
      ])
      await client.query(
        `insert into tenantry.domains (id, name, tenant_id, proof)
         values (gen_random_uuid(), $1, $2, repeat('0', 32))`,
        [unverified, a.tenantId],
      )
    })
    const tenants = await identity(
      'select status from tenantry.tenants where id in ($1, $2) or subdomain = $3 order by status',
      [a.tenantId, b.tenantId, `s-${deleting.slice(0, 8)}`],
    )
    expect(tenants.rows).toEqual([{ status: 'active' }, { status: 'suspended' }])
    const domains = await identity('select name from tenantry.domains where tenant_id = $1', [
      a.tenantId,
    ])
    expect(domains.rowCount).toBe(1)
    expect(JSON.stringify(domains.rows)).not.toContain(unverified)
  })

  test('neither sees nor changes an inactive user', async () => {
    const off = await asRole('platform', insertSample)
    const update = 'update tenantry.users set password_hash = null where id = $1'
    expect((await identity(update, [off.userId])).rowCount).toBe(1)
    await asRole('platform', (it) =>
      it.query('update tenantry.users set is_active = false where id = $1', [off.userId]),
    )
    expect(
      (await identity('select from tenantry.users where id = $1', [off.userId])).rowCount,
    ).toBe(0)
    expect((await identity(update, [off.userId])).rowCount).toBe(0)
  })

  test.each(['realm_id', 'id', 'created_at', 'sessions_valid_from'])(
    'may not change users.%s',
    async (column) => {
      const update = `update tenantry.users set ${column} = ${column} where id = $1`
      expect(await identity(update, [a.userId])).toMatchObject({ code: '42501' })
    },
  )

  test('sees the memberships of its tenant and of one person, and no names in them', async () => {
    const select = 'select tenant_id from tenantry.members'
    expect((await identity(select)).rowCount).toBe(0)
    const own = [{ tenant_id: a.tenantId }]
    expect((await identity(select, [], a.tenantId)).rows).toEqual(own)
    const named = `with person as materialized (
      select set_config('app.person_id', $1, true)) select tenant_id from person, tenantry.members`
    expect((await identity(named, [a.userId])).rows).toEqual(own)
    const names = 'select name_key from tenantry.members'
    expect(await identity(names, [], a.tenantId)).toMatchObject({ code: '42501' })
  })

  test.each(['refresh_tokens', 'audit_logs'])(
    'may not read %s, even with a tenant set',
    async (table) => {
      const select = `select 1 from tenantry.${table}`
      expect(await identity(select, [], a.tenantId)).toMatchObject({ code: '42501' })
    },
  )

  test("sees one tenant's sessions at a time, and neither opens nor revives one", async () => {
    const count = 'select id from tenantry.sessions where tenant_id = any ($1)'
    const both = [[a.tenantId, b.tenantId]]
    expect((await identity(count, both)).rowCount).toBe(0)
    const own = await identity(count, both, a.tenantId)
    const all = await asRole('platform', (it) =>
      it.query('select id from tenantry.sessions where tenant_id = $1', [a.tenantId]),
    )
    expect(own.rows).toEqual(all.rows)
    expect(own.rowCount).toBeGreaterThan(0)
    for (const text of [
      'insert into tenantry.sessions (id) values (gen_random_uuid())',
      'update tenantry.sessions set revoked_at = null',
      'delete from tenantry.sessions',
    ]) {
      expect(await identity(text, [], a.tenantId)).toMatchObject({ code: '42501' })
    }
  })

  test('disables a user for an erasure in a day or later only, and so erases none immediately', async () => {
    const columns = 'update tenantry.users set is_active = false, erase_at ='
    for (const at of ['null', "'-infinity'", 'now()', "now() + interval '23 hours'"]) {
      const tried = await identity(`${columns} ${at} where id = $1`, [a.userId], a.tenantId)
      expect(tried.code, at).toBe('42501')
    }
    // A user who is active cannot have such a time either.
    const early = 'update tenantry.users set erase_at = now() where id = $1'
    expect((await identity(early, [a.userId], a.tenantId)).code).toBe('23514')
  })

  test("may not read an app's tables", async () => {
    const tried = await identity('select 1 from projects', [], a.tenantId)
    expect(tried).toMatchObject({ code: '42501' })
  })

  test("sees one tenant's single-use secrets at a time, and writes no other tenant's audit row", async () => {
    const resets = await identity(
      'select tenant_id from tenantry.single_use_secrets',
      [],
      a.tenantId,
    )
    expect(resets.rows).toEqual([{ tenant_id: a.tenantId }])
    const insert = 'insert into tenantry.audit_logs (tenant_id, action) values ($1, $2)'
    expect((await identity(insert, [a.tenantId, 'test'], a.tenantId)).code).toBe('ok')
    expect((await identity(insert, [b.tenantId, 'test'], a.tenantId)).code).toBe('42501')
  })
})

describe('the app role', () => {
  test.each([
    'select password_hash from tenantry.users',
    'select * from tenantry.users',
    'select 1 from tenantry.single_use_secrets',
    'select 1 from tenantry.attempt_counters',
    'select 1 from tenantry.platform_logs',
    'update tenantry.users set password_hash = null',
    'update tenantry.users set is_active = true',
    'delete from tenantry.users',
    "update tenantry.tenants set status = 'active'",
    "insert into tenantry.domains (id, name, proof, state) values (gen_random_uuid(), 'evil.example.com', '', 'verified')",
    'update tenantry.domains set proof_seen_at = now()',
    "update tenantry.domains set name = 'evil.example.com'",
  ])('may not: %s', async (statement) => {
    expect(await attempt(clients.app, a.tenantId, statement)).toMatchObject({ code: '42501' })
  })

  test("cannot make a user a member, and so cannot read another tenant's user", async () => {
    const insert = 'insert into tenantry.members (user_id) values ($1)'
    expect(await attempt(clients.app, a.tenantId, insert, [b.userId])).toMatchObject({
      code: '42501',
    })
    const update = 'update tenantry.members set user_id = $1'
    expect(await attempt(clients.app, a.tenantId, update, [b.userId])).toMatchObject({
      code: '42501',
    })
  })
})

describe('the audit log', () => {
  test.each(['app', 'identity', 'platform'] as const)(
    'accepts rows from the %s role, and lets it change or delete none (AUD-1)',
    async (role) => {
      const insert = 'insert into tenantry.audit_logs (tenant_id, action) values ($1, $2)'
      const client = clients[role]
      const added = await attempt(client, a.tenantId, insert, [a.tenantId, 'test'])
      expect(added.code).toBe('ok')
      for (const statement of [
        'update tenantry.audit_logs set meta = meta',
        // Other tests delete tenants of their own.
        `delete from tenantry.audit_logs where tenant_id = '${a.tenantId}'`,
        'truncate tenantry.audit_logs',
        `${insert} on conflict (tenant_id, id) do update set action = excluded.action`,
      ]) {
        const values = statement.startsWith('insert') ? [a.tenantId, 'test'] : []
        // The platform role may delete the log of a tenant that is being deleted: erasure.test.ts.
        const hasGrant = role === 'platform' && statement.startsWith('delete')
        const outcome = hasGrant ? { code: 'ok', rowCount: 0 } : { code: '42501' }
        expect(await attempt(client, a.tenantId, statement, values)).toMatchObject(outcome)
      }
    },
  )

  const roles = ['app', 'identity', 'platform'] as const

  test.each(roles)('sets the id and the time of a row that the %s role adds', async (role) => {
    const add = (column: string) =>
      attempt(
        clients[role],
        a.tenantId,
        `insert into tenantry.audit_logs (tenant_id, action, ${column}) values ($1, 'test', default)`,
        [a.tenantId],
      )
    expect((await add('entity')).code).toBe('ok')
    expect([(await add('id')).code, (await add('created_at')).code]).toEqual(['42501', '42501'])
  })

  test('a transaction that stays open does not date its row back', async () => {
    const added = await attempt(
      clients.app,
      a.tenantId,
      `with waited as materialized (select pg_sleep(0.05))
       insert into tenantry.audit_logs (action) select 'test' from waited
       returning created_at - now() > interval '50 ms' as late,
         abs(extract(epoch from created_at) * 1000
           - ('x' || translate(left(id::text, 13), '-', ''))::bit(48)::bigint) < 10 as id_agrees`,
    )
    expect(added.rows).toEqual([{ late: true, id_agrees: true }])
  })

  describe('accepts an actor', () => {
    const act = (role: (typeof roles)[number], actor: string | null, session: string | null) =>
      attempt(
        clients[role],
        a.tenantId,
        `insert into tenantry.audit_logs (tenant_id, action, actor_id, session_id)
         values ($1, 'test', $2, $3)`,
        [a.tenantId, actor, session],
      )
    const sessionOf = (sample: Sample) => sample.rows['tenantry.sessions']?.['id'] ?? ''

    test.each(roles)('only with a session of theirs at this tenant (%s)', async (role) => {
      const own = sessionOf(a)
      expect((await act(role, a.userId, own)).code).toBe('ok')
      for (const [actor, session] of [
        [a.userId, sessionOf(b)],
        [b.userId, own],
        [b.userId, sessionOf(b)],
        [null, own],
        [a.userId, randomUUID()],
      ] as const) {
        expect((await act(role, actor, session)).code).toBe('42501')
      }
    })

    test.each(roles)('only if they exist (%s)', async (role) => {
      expect((await act(role, a.userId, null)).code).toBe('ok')
      expect((await act(role, randomUUID(), null)).code).toBe('42501')
    })

    test('only if they are a member, for the app role', async () => {
      expect((await act('app', b.userId, null)).code).toBe('42501')
    })

    test('who has signed in and has just left the tenant', async () => {
      const leave = `with left_now as (
          delete from tenantry.members where user_id = '${a.userId}' returning user_id)
        select count(*) from left_now`
      const row = `insert into tenantry.audit_logs (action, entity, entity_id, actor_id, session_id)
        values ('test', 'sessions', '${sessionOf(a)}', '${a.userId}', '${sessionOf(a)}')`
      expect((await attempt(clients.app, a.tenantId, `${leave}; ${row}`)).code).toBe('42501')
      expect((await attempt(clients.app, a.tenantId, `${row}; ${leave}; ${row}`)).code).toBe('ok')
    })
  })
})
