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
        { enabled: true, forced: true, roles: ['tenantry_app', 'tenantry_platform'] },
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
      await client.query('insert into tenantry.domains (name, tenant_id) values ($1, $2)', [
        unverified,
        a.tenantId,
      ])
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

  test.each(['email', 'email_key', 'is_active', 'full_name', 'realm_id', 'id', 'created_at'])(
    'may not change users.%s',
    async (column) => {
      const update = `update tenantry.users set ${column} = ${column} where id = $1`
      expect(await identity(update, [a.userId])).toMatchObject({ code: '42501' })
    },
  )

  test('sees the memberships of one person at a time, and no other column of them', async () => {
    const select = 'select tenant_id from tenantry.members'
    expect((await identity(select, [], a.tenantId)).rowCount).toBe(0)
    const named = `with person as materialized (
      select set_config('app.person_id', $1, true)) select tenant_id from person, tenantry.members`
    expect((await identity(named, [a.userId])).rows).toEqual([{ tenant_id: a.tenantId }])
    const active = 'select is_active from tenantry.members'
    expect(await identity(active, [], a.tenantId)).toMatchObject({ code: '42501' })
  })

  test.each(['sessions', 'member_roles', 'roles', 'refresh_tokens', 'audit_logs'])(
    'may not read %s, even with a tenant set',
    async (table) => {
      const select = `select 1 from tenantry.${table}`
      expect(await identity(select, [], a.tenantId)).toMatchObject({ code: '42501' })
    },
  )

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
    const insert = 'insert into tenantry.audit_logs (tenant_id, id, action) values ($1, $2, $3)'
    const row = [randomUUID(), 'test']
    expect((await identity(insert, [a.tenantId, ...row], a.tenantId)).code).toBe('ok')
    expect((await identity(insert, [b.tenantId, ...row], a.tenantId)).code).toBe('42501')
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
    'insert into tenantry.domains (name) values ($$evil.example.com$$)',
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
      const insert = 'insert into tenantry.audit_logs (tenant_id, id, action) values ($1, $2, $3)'
      const client = clients[role]
      const added = await attempt(client, a.tenantId, insert, [a.tenantId, randomUUID(), 'test'])
      expect(added.code).toBe('ok')
      for (const statement of [
        'update tenantry.audit_logs set meta = meta',
        'delete from tenantry.audit_logs',
        'truncate tenantry.audit_logs',
        `${insert} on conflict (tenant_id, id) do update set action = excluded.action`,
      ]) {
        const values = statement.startsWith('insert') ? [a.tenantId, randomUUID(), 'test'] : []
        expect(await attempt(client, a.tenantId, statement, values)).toMatchObject({
          code: '42501',
        })
      }
    },
  )
})
