import { randomUUID } from 'node:crypto'
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestApp, type TestApp, type TestTenant, type TestUser } from '../../src/testing.ts'
import { app } from '../fixtures/app/app.ts'
import { asAdmin, asRole } from '../fixtures/databases.ts'
import { insertSample } from './sample_rows.ts'

const epochOf = async (client: pg.Client, id: string): Promise<string> => {
  const { rows } = await client.query(
    'select sessions_valid_from::text as epoch from tenantry.users where id = $1',
    [id],
  )
  return rows[0].epoch
}

/** Changes a sample's user as the given role, and returns the epochs before and after. */
async function epochsAround(role: 'platform' | 'superuser', ...changes: string[]) {
  const { userId } = await asRole('platform', insertSample)
  const work = async (client: pg.Client) => {
    const before = await epochOf(client, userId)
    await client.query('begin')
    for (const change of changes) {
      if (change.startsWith('set ')) await client.query(change)
      else await client.query(`update tenantry.users set ${change} where id = $1`, [userId])
    }
    await client.query('commit')
    return { userId, before, after: await epochOf(client, userId) }
  }
  return role === 'platform' ? asRole('platform', work) : asAdmin(work)
}

const asReplica = 'set local session_replication_role = replica'

describe('the credential epoch', () => {
  test.each([
    'is_active = false',
    "email = 'a-' || email",
    "email_key = 'a-' || email_key",
    "password_hash = 'another'",
    'password_hash = null',
  ])('moves on %s, in a replica session too', async (change) => {
    for (const changes of [[change], [asReplica, change]]) {
      const { before, after } = await epochsAround('superuser', ...changes)
      expect(after > before, changes.join('; ')).toBe(true)
    }
  })

  test('moves with the realm, which only a user without memberships can change', async () => {
    const toAnother = "realm_id = '00000000-0000-0000-0000-000000000001'"
    await expect(epochsAround('superuser', toAnother)).rejects.toMatchObject({ code: '23503' })
    const moved = await epochsAround('superuser', asReplica, toAnother)
    expect(moved.after > moved.before).toBe(true)
  })

  test.each([
    "full_name = 'Ann'",
    'email_verified_at = now()',
    'email = email, is_active = is_active',
  ])('does not move on %s', async (change) => {
    const { before, after } = await epochsAround('platform', change)
    expect(after).toBe(before)
  })

  test.each(["'2001-01-01'", "'infinity'", "sessions_valid_from - interval '1 day'"])(
    'is not set to %s: it only grows',
    async (value) => {
      const { before, after } = await epochsAround('platform', `sessions_valid_from = ${value}`)
      expect(after > before).toBe(true)
      expect(Math.abs(Date.parse(after) - Date.now())).toBeLessThan(60_000)
    },
  )

  test('grows at each change of one transaction, also if the clock is set back', async () => {
    const changes = ['is_active = false', 'is_active = true', 'is_active = false']
    const { userId } = await asRole('platform', insertSample)
    await asAdmin(async (client) => {
      await client.query('begin')
      await client.query(asReplica)
      await client.query(
        "update tenantry.users set sessions_valid_from = '2090-01-01Z' where id = $1",
        [userId],
      )
      await client.query('set local session_replication_role = origin')
      const seen = [await epochOf(client, userId)]
      for (const change of changes) {
        await client.query(`update tenantry.users set ${change} where id = $1`, [userId])
        seen.push(await epochOf(client, userId))
      }
      await client.query('rollback')
      expect([...new Set(seen)].sort()).toEqual(seen)
    })
  })

  test('is the one that was sent, where logical replication applies a row', async () => {
    const { after } = await epochsAround(
      'superuser',
      asReplica,
      "password_hash = 'another', sessions_valid_from = '2090-01-01T00:00:00Z'",
    )
    expect(after).toBe('2090-01-01 00:00:00+00')
  })

  test('cannot be written by the identity role', async () => {
    const { userId } = await asRole('platform', insertSample)
    await asRole('identity', async (client) => {
      const update = 'update tenantry.users set sessions_valid_from = now() where id = $1'
      await expect(client.query(update, [userId])).rejects.toMatchObject({ code: '42501' })
    })
  })
})

describe('a stronger hash of the same password', () => {
  const rehash = 'select tenantry.rehash_password($1, $2, $3)'

  test('does not move the epoch, and excuses no other change', async () => {
    const { userId } = await asRole('platform', insertSample)
    await asRole('identity', async (client) => {
      const read = async () =>
        (await client.query('select password_hash from tenantry.users where id = $1', [userId]))
          .rows[0].password_hash
      const [before, old] = [await epochOf(client, userId), await read()]
      await client.query('begin')
      await client.query(rehash, [userId, old, 'stronger'])
      expect([await epochOf(client, userId), await read()]).toEqual([before, 'stronger'])
      await client.query("update tenantry.users set password_hash = 'mine' where id = $1", [userId])
      await client.query('commit')
      const changed = await epochOf(client, userId)
      expect(changed > before).toBe(true)
      await client.query(rehash, [userId, 'no longer this one', 'other'])
      expect([await epochOf(client, userId), await read()]).toEqual([changed, 'mine'])
    })
  })

  test.each(['app', 'platform'] as const)('may not be set by the %s role', async (role) => {
    const call = asRole(role, (client) => client.query(rehash, [randomUUID(), 'a', 'b']))
    await expect(call).rejects.toMatchObject({ code: '42501' })
  })
})

test('a changed address is no longer verified, unless the same update verifies it', async () => {
  const verified = async (...changes: string[]) => {
    const { userId } = await epochsAround('platform', ...changes)
    return asRole('platform', async (client) => {
      const { rows } = await client.query(
        'select email_verified_at from tenantry.users where id = $1',
        [userId],
      )
      return rows[0].email_verified_at !== null
    })
  }
  const verify = "email_verified_at = '2026-01-01'"
  expect(await verified(verify)).toBe(true)
  expect(await verified(verify, "email = 'a-' || email")).toBe(false)
  expect(await verified(verify, "email = 'a-' || email, email_verified_at = now()")).toBe(true)
})

describe('tokens', () => {
  let api: TestApp
  let tenant: TestTenant
  beforeAll(async () => {
    api = await startTestApp(app)
    tenant = await api.makeTenant()
  })
  afterAll(() => api.close())

  const update = ({ id }: TestUser, ...changes: string[]) =>
    asRole('platform', async (client) => {
      for (const change of changes) {
        await client.query(`update tenantry.users set ${change} where id = $1`, [id])
      }
      await api.listener.sync()
    })

  test.each([
    ['is_active = false', 'is_active = true'],
    ["email = 'x' || email"],
    ['password_hash = $$another$$'],
  ])('of before %s are not revived (SESS-4, SESS-6)', async (...changes) => {
    const user = await tenant.makeUser()
    await update(user, ...changes)
    expect((await tenant.send({ path: '/api/auth/me', user })).status).toBe(401)
    const body = { refresh_token: user.refreshToken }
    const renewed = await tenant.send({ method: 'POST', path: '/api/auth/refresh', body })
    expect(renewed.status).toBe(401)
  })
})
