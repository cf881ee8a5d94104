import { randomUUID } from 'node:crypto'
import type pg from 'pg'
import { describe, expect, test } from 'vitest'
import { withClient } from '../../src/db/connect/with_client.ts'
import { CHANNEL } from '../../src/invalidation/heartbeat.ts'
import { onMigratedDatabase } from '../fixtures/databases.ts'

const ALL = 210

/** The id of the nth row of a kind, the same in every run: SQL and expectations both compute it. */
const idOf = (kind: string, n = 'n') => `md5('${kind}' || ${n})::uuid`
const numbers = (count: number) => `generate_series(1, ${count}) n`
const first = (count: number, kind: string) => `in (select ${idOf(kind)} from ${numbers(count)})`
const TENANT = idOf('tenant', '1')

// The first tenant has every user as a member; each of the others has one role and no members.
const rows = `
  insert into tenantry.tenants (id, name, subdomain, code)
    select ${idOf('tenant')}, 'name', 'tenant-' || n, 'TENANT_' || n from ${numbers(ALL)};
  insert into tenantry.users (id, email, email_key)
    select ${idOf('user')}, 'u' || n, 'u' || n from ${numbers(ALL)};
  insert into tenantry.members (tenant_id, user_id) select ${TENANT}, id from tenantry.users;
  insert into tenantry.sessions
    (tenant_id, id, user_id, idle_expires_at, expires_at, credentials_epoch, method, amr, kind, origin)
    select ${TENANT}, ${idOf('session')}, ${idOf('user')},
      now() + interval '1 day', now() + interval '1 day', now(), 'password', '{pwd}', 'tokens', 'https://a.test' from ${numbers(ALL)};
  insert into tenantry.roles (tenant_id, id, name)
    select ${idOf('tenant')}, ${idOf('role')}, 'clerk' from ${numbers(ALL)};`

interface Change {
  what: string
  kind: string
  /** The kind of key that replaces more than a hundred. */
  wider: 'tenant' | '*'
  sql(count: number): string
}

const changes: Change[] = [
  {
    what: 'roles granted',
    kind: 'user',
    wider: 'tenant',
    sql: (count) => `insert into tenantry.member_roles (tenant_id, user_id, role)
      select ${TENANT}, ${idOf('user')}, 'viewer' from ${numbers(count)}`,
  },
  {
    what: 'users deactivated',
    kind: 'user',
    wider: '*',
    sql: (count) =>
      `update tenantry.users set is_active = not is_active where id ${first(count, 'user')}`,
  },
  {
    what: 'sessions revoked',
    kind: 'session',
    wider: 'tenant',
    sql: (count) =>
      `update tenantry.sessions set revoked_at = now() where id ${first(count, 'session')}`,
  },
  {
    what: 'sessions made idle',
    kind: 'session',
    wider: 'tenant',
    sql: (count) =>
      `update tenantry.sessions set idle_expires_at = now() where id ${first(count, 'session')}`,
  },
  {
    what: 'sessions deleted',
    kind: 'session',
    wider: 'tenant',
    sql: (count) => `delete from tenantry.sessions where id ${first(count, 'session')}`,
  },
]

/** Changes that no cached value depends on. */
const irrelevantChanges = [
  `update tenantry.users set email_key = email_key, full_name = full_name`,
  `update tenantry.sessions set last_seen_at = now(), idle_expires_at = idle_expires_at + interval '1 s'`,
  'update tenantry.members set is_active = false where false',
  `insert into tenantry.sessions
     (tenant_id, id, user_id, idle_expires_at, expires_at, credentials_epoch, method, amr, kind, origin)
     values (${TENANT}, ${idOf('new', '0')}, ${idOf('user', '1')}, now(), now(), now(), 'password', '{pwd}', 'tokens', 'https://a.test')`,
]

/** Runs `work` on a database with rows, with a function that returns the keys a transaction sends. */
function onRows(
  work: (invalidated: (...statements: string[]) => Promise<string[]>, client: pg.Client) => unknown,
): Promise<void> {
  return onMigratedDatabase(({ admin }) =>
    withClient(admin, async (client) => {
      await client.query(rows)
      await client.query(`listen ${CHANNEL}`)
      await work((...statements) => keysSentBy(client, statements), client)
    }),
  )
}

async function keysSentBy(client: pg.Client, statements: string[]): Promise<string[]> {
  const received: string[] = []
  // The queue is ordered: when the end mark arrives, everything before it has arrived.
  const end = randomUUID()
  const ended = new Promise<void>((resolve) => {
    client.on('notification', ({ payload = '' }) => {
      if (payload === end) resolve()
      else received.push(payload)
    })
  })
  await client.query('begin')
  for (const statement of statements) await client.query(statement)
  await client.query('commit')
  await client.query('select pg_notify($1, $2)', [CHANNEL, end])
  await ended
  client.removeAllListeners('notification')
  return received.sort()
}

async function keysOf(client: pg.Client, kind: string, count: number): Promise<string[]> {
  const sql = `select '${kind}:' || ${idOf(kind)} as key from ${numbers(count)}`
  return (await client.query<{ key: string }>(sql)).rows.map(({ key }) => key).sort()
}

interface Expected {
  ids: string[]
  wider: string[]
}

async function expectedOf(
  client: pg.Client,
  { kind, wider }: Pick<Change, 'kind' | 'wider'>,
  count: number,
): Promise<Expected> {
  const ids = await keysOf(client, kind, count)
  if (count <= 100) return { ids, wider: [] }
  return { ids, wider: wider === '*' ? ['*'] : await keysOf(client, 'tenant', 1) }
}

/** Which rows are the first hundred depends on the plan of the statement. */
function expectKeys(received: string[], { ids, wider }: Expected): void {
  expect(received.filter((key) => !ids.includes(key))).toEqual(wider)
  expect(received).toHaveLength(Math.min(ids.length, 100) + wider.length)
  expect(new Set(received).size).toBe(received.length)
}

describe('a change invalidates the ids of its rows, and for more than a hundred rows a wider key:', () => {
  test.each(changes)('$what', async (change) => {
    await onRows(async (invalidated, client) => {
      for (const count of [0, 1, 2, 100, 101, ALL]) {
        expectKeys(await invalidated(change.sql(count)), await expectedOf(client, change, count))
        await client.query(`truncate tenantry.tenants, tenantry.users cascade; ${rows}`)
      }
    })
  })

  test('counted over all statements of a transaction', async () => {
    await onRows(async (invalidated, client) => {
      const revoked = (n: number) =>
        `update tenantry.sessions set revoked_at = now() where id = ${idOf('session', `${n}`)}`
      const oneByOne = Array.from({ length: ALL }, (_, at) => revoked(at + 1))
      const sessions = { kind: 'session', wider: 'tenant' } as const
      expectKeys(await invalidated(...oneByOne), await expectedOf(client, sessions, ALL))
      // The next transaction counts from zero.
      expect(await invalidated('update tenantry.users set full_name = id::text')).toHaveLength(101)
    })
  })

  test('everything for more than a hundred tenants', async () => {
    await onRows(async (invalidated) => {
      const keys = await invalidated(`update tenantry.roles set name = 'porter'`)
      const kinds = keys.map((key) => key.replace(/:.*/, ''))
      expect(kinds).toEqual(['*', ...Array(100).fill('role'), ...Array(100).fill('tenant')])
      expect(new Set(keys).size).toBe(201)
    })
  })
})

test('a change of a key invalidates the old value and the new one', async () => {
  await onRows(async (invalidated, client) => {
    await client.query(
      `insert into tenantry.domains (id, name, tenant_id, proof)
       values (gen_random_uuid(), 'a.example', ${TENANT}, repeat('0', 32))`,
    )
    const changedOwner = `update tenantry.domains set tenant_id = ${idOf('tenant', '2')}`
    const both = ['hosts', ...(await keysOf(client, 'tenant', 2))]
    expect(await invalidated(changedOwner)).toEqual(both.sort())
    const renamed = `update tenantry.sessions set id = ${idOf('session', `${ALL + 1}`)}`
    const last = await keysOf(client, 'session', ALL)
    const moved = await invalidated(`${renamed} where id = ${idOf('session', `${ALL}`)}`)
    expect(moved.filter((key) => last.includes(key))).toHaveLength(1)
    expect(moved).toHaveLength(2)
  })
})

test('a change that no cached value depends on sends no invalidation', async () => {
  await onRows(async (invalidated) => {
    for (const statement of irrelevantChanges)
      expect(await invalidated(statement), statement).toEqual([])
    await invalidated('update tenantry.sessions set revoked_at = now()')
    expect(await invalidated('delete from tenantry.sessions where revoked_at is not null')).toEqual(
      [],
    )
  })
})

test('a change rolled back to a savepoint is neither sent nor counted', async () => {
  await onRows(async (invalidated, client) => {
    const rolledBack = ['savepoint it', 'update tenantry.users set full_name = id::text']
    const revoked = `update tenantry.users set is_active = false where id ${first(100, 'user')}`
    expect(await invalidated(...rolledBack, 'rollback to it', revoked)).toEqual(
      await keysOf(client, 'user', 100),
    )
  })
})

describe('no writer can suppress an invalidation', () => {
  const revoke = `update tenantry.sessions set revoked_at = now() where id ${first(1, 'session')}`
  const revokeAll = 'update tenantry.sessions set revoked_at = now()'
  const tenants = `select set_config('tenantry.invalidated_tenants', string_agg(id::text, ''), true) from tenantry.tenants`

  test.each([
    [
      'set to an empty text',
      [`set local tenantry.invalidated_rows = ''`, `set local tenantry.invalidated_tenants = ''`],
    ],
    [
      'set to a value that is not a count',
      [`set local tenantry.invalidated_rows = 'x'`, `set local tenantry.invalidated_tenants = 'x'`],
    ],
    ['full', [`select set_config('tenantry.invalidated_rows', repeat('.', 1000), true)`]],
    [
      'with every tenant',
      [`select set_config('tenantry.invalidated_rows', repeat('.', 1000), true)`, tenants],
    ],
    ['off, as a replica', ['set local session_replication_role = replica']],
    [
      'hidden by its own names',
      [
        'create function public.pg_notify(text, text) returns void language sql as $$ $$',
        'create temp table text (it int)',
        'create temp table record (it int)',
        'set local search_path = pg_temp, public, pg_catalog',
      ],
    ],
  ] as const)('with its settings %s', async (_, before) => {
    await onRows(async (invalidated, client) => {
      const one = [
        ...(await keysOf(client, 'session', 1)),
        ...(await keysOf(client, 'tenant', 1)),
        '*',
      ]
      const received = await invalidated(...before, revoke)
      expect(one).toEqual(expect.arrayContaining(received))
      expect(received).toHaveLength(1)
      const all = await invalidated(revokeAll)
      expect(all).toEqual(expect.arrayContaining(await keysOf(client, 'tenant', 1)))
    })
  })

  test('with TRUNCATE', async () => {
    await onRows(async (invalidated) => {
      const emptied = [
        'set local session_replication_role = replica',
        'truncate tenantry.sessions cascade',
      ]
      expect(await invalidated(...emptied)).toEqual(['*'])
    })
  })
})

test('writes of the app role send invalidations, for one row and for many', async () => {
  await onRows(async (invalidated, client) => {
    const asApp = ['set local role tenantry_app', `select tenantry.set_tenant(${TENANT})`]
    for (const count of [1, 101]) {
      const sql = `update tenantry.members set is_active = not is_active where user_id ${first(count, 'user')}`
      const expected = await expectedOf(client, { kind: 'user', wider: 'tenant' }, count)
      expectKeys(await invalidated(...asApp, sql), expected)
    }
  })
})
