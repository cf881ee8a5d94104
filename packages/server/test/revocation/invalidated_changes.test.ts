import { randomUUID } from 'node:crypto'
import type pg from 'pg'
import { describe, expect, test } from 'vitest'
import { withClient } from '../../src/db/provisioning/roles.ts'
import { CHANNEL } from '../../src/invalidation/heartbeat.ts'
import { onMigratedDatabase } from '../fixtures/databases.ts'

const ALL = 210

/** The id of the nth row of a kind: the same in every run, so that both sides can say it. */
const idOf = (kind: string, n = 'n') => `md5('${kind}' || ${n})::uuid`
const numbers = (count: number) => `generate_series(1, ${count}) n`
const first = (count: number, kind: string) => `in (select ${idOf(kind)} from ${numbers(count)})`
const TENANT = idOf('tenant', '1')

// The first tenant has every user, the others have a role each and nobody.
const rows = `
  insert into tenantry.tenants (id, name, subdomain, code)
    select ${idOf('tenant')}, 'name', 'tenant-' || n, 'TENANT_' || n from ${numbers(ALL)};
  insert into tenantry.users (id, email, email_key)
    select ${idOf('user')}, 'u' || n, 'u' || n from ${numbers(ALL)};
  insert into tenantry.members (tenant_id, user_id) select ${TENANT}, id from tenantry.users;
  insert into tenantry.sessions
    (tenant_id, id, user_id, idle_expires_at, expires_at, credentials_epoch)
    select ${TENANT}, ${idOf('session')}, ${idOf('user')},
      now() + interval '1 day', now() + interval '1 day', now() from ${numbers(ALL)};
  insert into tenantry.roles (tenant_id, id, name)
    select ${idOf('tenant')}, ${idOf('role')}, 'clerk' from ${numbers(ALL)};`

interface Change {
  what: string
  kind: string
  /** What takes the place of over a hundred. */
  wider: 'tenant' | '*'
  sql(count: number): string
}

const changes: Change[] = [
  {
    what: 'roles given',
    kind: 'user',
    wider: 'tenant',
    sql: (count) => `insert into tenantry.member_roles (tenant_id, user_id, role)
      select ${TENANT}, ${idOf('user')}, 'viewer' from ${numbers(count)}`,
  },
  {
    what: 'users switched off',
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

/** Nothing that a cached answer depends on. */
const noNews = [
  `update tenantry.users set email_key = email_key || '_', full_name = full_name`,
  `update tenantry.sessions set last_seen_at = now(), idle_expires_at = idle_expires_at + interval '1 s'`,
  'update tenantry.members set is_active = false where false',
  `insert into tenantry.sessions
     (tenant_id, id, user_id, idle_expires_at, expires_at, credentials_epoch)
     values (${TENANT}, ${idOf('new', '0')}, ${idOf('user', '1')}, now(), now(), now())`,
]

/** Runs the work on rows of its own, with what then gives the keys a transaction announces. */
function onRows(
  work: (announced: (...statements: string[]) => Promise<string[]>, client: pg.Client) => unknown,
): Promise<void> {
  return onMigratedDatabase(({ admin }) =>
    withClient(admin, async (client) => {
      await client.query(rows)
      await client.query(`listen ${CHANNEL}`)
      await work((...statements) => announcedBy(client, statements), client)
    }),
  )
}

async function announcedBy(client: pg.Client, statements: string[]): Promise<string[]> {
  const heard: string[] = []
  // The queue is ordered: with the end has come all that was before it.
  const end = randomUUID()
  const ended = new Promise<void>((resolve) => {
    client.on('notification', ({ payload = '' }) => {
      if (payload === end) resolve()
      else heard.push(payload)
    })
  })
  await client.query('begin')
  for (const statement of statements) await client.query(statement)
  await client.query('commit')
  await client.query('select pg_notify($1, $2)', [CHANNEL, end])
  await ended
  client.removeAllListeners('notification')
  return heard.sort()
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

/** Which of the rows are the first hundred is up to the plan of the statement. */
function expectKeys(heard: string[], { ids, wider }: Expected): void {
  expect(heard.filter((key) => !ids.includes(key))).toEqual(wider)
  expect(heard).toHaveLength(Math.min(ids.length, 100) + wider.length)
  expect(new Set(heard).size).toBe(heard.length)
}

describe('a change is announced by the ids of its rows, and over a hundred by something wider', () => {
  test.each(changes)('$what', async (change) => {
    await onRows(async (announced, client) => {
      for (const count of [0, 1, 2, 100, 101, ALL]) {
        expectKeys(await announced(change.sql(count)), await expectedOf(client, change, count))
        await client.query(`truncate tenantry.tenants, tenantry.users cascade; ${rows}`)
      }
    })
  })

  test('whatever the number of statements', async () => {
    await onRows(async (announced, client) => {
      const revoked = (n: number) =>
        `update tenantry.sessions set revoked_at = now() where id = ${idOf('session', `${n}`)}`
      const oneByOne = Array.from({ length: ALL }, (_, at) => revoked(at + 1))
      const sessions = { kind: 'session', wider: 'tenant' } as const
      expectKeys(await announced(...oneByOne), await expectedOf(client, sessions, ALL))
      // The next transaction begins anew.
      expect(await announced('update tenantry.users set full_name = id::text')).toHaveLength(101)
    })
  })

  test('and over a hundred tenants by the widest', async () => {
    await onRows(async (announced) => {
      const keys = await announced(`update tenantry.roles set name = 'porter'`)
      const kinds = keys.map((key) => key.replace(/:.*/, ''))
      expect(kinds).toEqual(['*', ...Array(100).fill('role'), ...Array(100).fill('tenant')])
      expect(new Set(keys).size).toBe(201)
    })
  })
})

test('of a key that is moved both are announced, the old one and the new', async () => {
  await onRows(async (announced, client) => {
    await client.query(
      `insert into tenantry.domains (name, tenant_id) values ('a.example', ${TENANT})`,
    )
    const given = `update tenantry.domains set tenant_id = ${idOf('tenant', '2')}`
    const both = ['hosts', ...(await keysOf(client, 'tenant', 2))]
    expect(await announced(given)).toEqual(both.sort())
    const renamed = `update tenantry.sessions set id = ${idOf('session', `${ALL + 1}`)}`
    const last = await keysOf(client, 'session', ALL)
    const moved = await announced(`${renamed} where id = ${idOf('session', `${ALL}`)}`)
    expect(moved.filter((key) => last.includes(key))).toHaveLength(1)
    expect(moved).toHaveLength(2)
  })
})

test('what alters no cached answer is not announced', async () => {
  await onRows(async (announced) => {
    for (const statement of noNews) expect(await announced(statement), statement).toEqual([])
    await announced('update tenantry.sessions set revoked_at = now()')
    expect(await announced('delete from tenantry.sessions where revoked_at is not null')).toEqual(
      [],
    )
  })
})

test('what a transaction took back is neither announced nor counted', async () => {
  await onRows(async (announced, client) => {
    const takenBack = ['savepoint it', 'update tenantry.users set full_name = id::text']
    const revoked = `update tenantry.users set is_active = false where id ${first(100, 'user')}`
    expect(await announced(...takenBack, 'rollback to it', revoked)).toEqual(
      await keysOf(client, 'user', 100),
    )
  })
})

describe('nobody who writes can keep a change from being announced', () => {
  const revoke = `update tenantry.sessions set revoked_at = now() where id ${first(1, 'session')}`
  const revokeAll = 'update tenantry.sessions set revoked_at = now()'
  const tenants = `select set_config('tenantry.invalidated_tenants', string_agg(id::text, ''), true) from tenantry.tenants`

  test.each([
    [
      'set to an empty text',
      [`set local tenantry.invalidated_rows = ''`, `set local tenantry.invalidated_tenants = ''`],
    ],
    [
      'set to what is no count',
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
    await onRows(async (announced, client) => {
      const one = [
        ...(await keysOf(client, 'session', 1)),
        ...(await keysOf(client, 'tenant', 1)),
        '*',
      ]
      const heard = await announced(...before, revoke)
      expect(one).toEqual(expect.arrayContaining(heard))
      expect(heard).toHaveLength(1)
      const all = await announced(revokeAll)
      expect(all).toEqual(expect.arrayContaining(await keysOf(client, 'tenant', 1)))
    })
  })

  test('nor by TRUNCATE', async () => {
    await onRows(async (announced) => {
      const emptied = [
        'set local session_replication_role = replica',
        'truncate tenantry.sessions cascade',
      ]
      expect(await announced(...emptied)).toEqual(['*'])
    })
  })
})

test('each door announces what it writes, many rows as well as one', async () => {
  await onRows(async (announced, client) => {
    const asApp = ['set local role tenantry_app', `select tenantry.set_tenant(${TENANT})`]
    for (const count of [1, 101]) {
      const sql = `update tenantry.members set is_active = not is_active where user_id ${first(count, 'user')}`
      const expected = await expectedOf(client, { kind: 'user', wider: 'tenant' }, count)
      expectKeys(await announced(...asApp, sql), expected)
    }
  })
})
