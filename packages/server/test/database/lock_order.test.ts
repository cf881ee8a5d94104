import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { INSTALLATION_REALM } from '../../src/access/realm.ts'
import type { Database } from '../../src/db/tenancy.ts'
import { backgroundScope } from '../../src/db/tenancy.ts'
import { createResetLink } from '../../src/modules/password_resets/reset_links.ts'
import { startTestApp, type TestApp, type TestTenant, type TestUser } from '../../src/testing.ts'
import { app } from '../fixtures/app/app.ts'
import { asRole } from '../fixtures/databases.ts'
import { openTestDatabase } from '../fixtures/test_database.ts'
import { insertSample } from './sample_rows.ts'

const ROUNDS = 30

let api: TestApp
beforeAll(async () => {
  api = await startTestApp(app, { RATE_LIMIT: 'off' })
})
afterAll(() => api.close())

const refresh = (tenant: TestTenant, refresh_token: string) =>
  tenant.send({ method: 'POST', path: '/api/auth/refresh', body: { refresh_token } })
const memberPath = ({ id }: TestUser) => `/api/members/${id}`

/** The ways in which an admin revokes sessions, concurrently with their refreshes. */
const endings = {
  'a removal': (tenant: TestTenant, admin: TestUser, user: TestUser) =>
    tenant.send({ method: 'DELETE', path: memberPath(user), user: admin }),
  'a suspension': (tenant: TestTenant, admin: TestUser, user: TestUser) =>
    tenant.send({
      method: 'PATCH',
      path: memberPath(user),
      user: admin,
      body: { is_active: false },
    }),
  'a revocation': (tenant: TestTenant, admin: TestUser, user: TestUser) =>
    tenant.send({ method: 'DELETE', path: `${memberPath(user)}/sessions`, user: admin }),
}

describe.each(Object.entries(endings))('%s concurrent with refreshes', (_, end) => {
  test('succeeds, and leaves no valid token (POOL-6, SESS-4)', async () => {
    const tenant = await api.makeTenant()
    const admin = await tenant.makeUser({ roles: ['admin_tenant'] })
    for (let round = 0; round < ROUNDS; round++) {
      const user = await tenant.makeUser()
      const [ended, ...refreshed] = await Promise.all([
        end(tenant, admin, user),
        ...Array.from({ length: 4 }, () => refresh(tenant, user.refreshToken)),
      ])
      expect([200, 204]).toContain(ended.status)
      const good = refreshed.filter(({ status }) => status === 200)
      expect(refreshed.filter(({ status }) => status >= 500)).toEqual([])
      const tokens = [user.refreshToken, ...good.map(({ json }) => json.refresh_token)]
      for (const token of tokens) expect((await refresh(tenant, token)).status).toBe(401)
      for (const { json } of good) {
        const headers = { authorization: `Bearer ${json.access_token}` }
        expect((await tenant.send({ path: '/api/auth/me', headers })).status).toBe(401)
      }
    }
  })
})

test('a refresh that waits for its session holds no lock on its token (POOL-6)', async () => {
  const tenant = await api.makeTenant()
  const user = await tenant.makeUser()
  await asRole('platform', async (client) => {
    await client.query('begin')
    await client.query('select from tenantry.sessions where user_id = $1 for update', [user.id])
    const refreshed = refresh(tenant, user.refreshToken)
    await untilBlocking(client)
    const { rowCount } = await client.query(
      `select from tenantry.refresh_tokens where session_id in (
         select id from tenantry.sessions where user_id = $1) for update nowait`,
      [user.id],
    )
    expect(rowCount).toBe(1)
    await client.query('commit')
    expect((await refreshed).status).toBe(200)
  })
})

test('a sign-in concurrent with a suspension waits, and then starts no session (POOL-6, SESS-4)', async () => {
  const tenant = await api.makeTenant()
  const { id, email, password } = await tenant.makeUser()
  await asRole('platform', async (client) => {
    const sessions = 'select id from tenantry.sessions where user_id = $1'
    await client.query('update tenantry.sessions set expires_at = now() where user_id = $1', [id])
    const before = await client.query(sessions, [id])
    expect(before.rows).toHaveLength(1)
    await client.query('begin')
    await client.query('update tenantry.members set is_active = false where user_id = $1', [id])
    const body = { email, password }
    const signedIn = tenant.send({ method: 'POST', path: '/api/auth/login', body })
    await untilBlocking(client)
    // The sign-in removes expired sessions; it locks them after the member and not before.
    const free = await client.query(`${sessions} for update nowait`, [id])
    expect(free.rows).toEqual(before.rows)
    await client.query('commit')
    expect((await signedIn).status).toBe(403)
    expect((await client.query(sessions, [id])).rows).toEqual(before.rows)
  })
})

test('the use of a reset link concurrent with new ones succeeds or is rejected, never a 500 (POOL-6, AUTHN-7)', async () => {
  const tenant = await api.makeTenant()
  const { id, subdomain } = tenant
  const limits = { rate: null, concurrency: null }
  const about = {
    id,
    subdomain,
    name: '',
    origin: `https://${tenant.host}`,
    issuer: `https://${tenant.host}`,
    home: `https://${tenant.host}`,
    realm: INSTALLATION_REALM,
    limits,
    branding: {},
  }
  const info = { id: randomUUID(), address: '127.0.0.1', userAgent: '' }
  const { config, database } = api
  for (let round = 0; round < 10; round++) {
    const user = await tenant.makeUser()
    const ask = () =>
      createResetLink(
        { config, database },
        { tenant: about, userId: user.id, request: info, channel: 'mail' },
      )
    const [, token = ''] = (await ask()).split('#token=')
    const body = { token, new_password: `horse ${randomUUID()}` }
    const [used] = await Promise.all([
      tenant.send({ method: 'POST', path: '/api/auth/reset-password', body }),
      ...Array.from({ length: 4 }, ask),
    ])
    expect([200, 400]).toContain(used.status)
  }
})

describe('a deadlock', () => {
  const [one, two] = [1, 2].map(() => Math.floor(Math.random() * 2 ** 31)) as [number, number]
  type Locks = (
    database: Database,
    first: number,
    second: number,
    met: () => Promise<void>,
  ) => Promise<void>

  /** Writes a row, takes both locks in the order given, and waits in between. */
  const lockBoth =
    (tenantId: string, runs: { count: number }): Locks =>
    (database, first, second, met) =>
      database.inTenant(backgroundScope(tenantId), async (db) => {
        runs.count++
        await db
          .insertInto('tenantry.roles')
          .values({ id: randomUUID(), name: `lock_${first}` })
          .execute()
        await sql`select pg_advisory_xact_lock(${first})`.execute(db)
        await met()
        await sql`select pg_advisory_xact_lock(${second})`.execute(db)
      })

  test('makes the transaction run again from its start, with its effects once (POOL-6)', async () => {
    const { tenantId } = await asRole('platform', insertSample)
    const runs = { count: 0 }
    const work = lockBoth(tenantId, runs)
    const met = barrier(2)
    await Promise.all([
      work(openTestDatabase(), one, two, met),
      work(openTestDatabase(), two, one, met),
    ])
    expect(runs.count).toBe(3)
    const names = await asRole('platform', async (client) => {
      const { rows } = await client.query(
        "select name from tenantry.roles where tenant_id = $1 and name like 'lock%'",
        [tenantId],
      )
      return rows.map(({ name }) => name).sort()
    })
    expect(names).toEqual([`lock_${one}`, `lock_${two}`].sort())
  })

  test('is a 503 after three tries, and no write is kept (POOL-6)', async () => {
    const { tenantId } = await asRole('platform', insertSample)
    const database = openTestDatabase()
    let tries = 0
    const lost = database.inTenant(backgroundScope(tenantId), async (db) => {
      tries++
      await db.insertInto('tenantry.roles').values({ id: randomUUID(), name: 'lost' }).execute()
      await sql`do $$ begin raise exception 'lost' using errcode = '40P01'; end $$`.execute(db)
    })
    await expect(lost).rejects.toMatchObject({ kind: 'unavailable', cause: { code: '40P01' } })
    const kept = await database.inTenant(backgroundScope(tenantId), (db) =>
      db.selectFrom('tenantry.roles').select('id').where('name', '=', 'lost').execute(),
    )
    expect([tries, kept]).toEqual([3, []])
  })

  test('is the only failure that is retried', async () => {
    const { tenantId } = await asRole('platform', insertSample)
    let tries = 0
    const failed = openTestDatabase().inTenant(backgroundScope(tenantId), async (db) => {
      tries++
      await sql`select 1 / 0`.execute(db)
    })
    await expect(failed).rejects.toMatchObject({ code: '22012' })
    expect(tries).toBe(1)
  })
})

/** Resolves when another connection waits for a lock of this one. */
async function untilBlocking(client: pg.Client): Promise<void> {
  const waiting =
    'select from pg_stat_activity where pg_backend_pid() = any (pg_blocking_pids(pid))'
  await expect.poll(async () => (await client.query(waiting)).rowCount).toBe(1)
}

/** A barrier: each call resolves as soon as `count` calls have arrived. */
function barrier(count: number): () => Promise<void> {
  let arrived = 0
  let open = () => {}
  const all = new Promise<void>((resolve) => {
    open = resolve
  })
  return () => {
    if (++arrived === count) open()
    return all
  }
}
