import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { app } from '../../../test/fixtures/app/app.ts'
import { backgroundScope } from '../../db/tenancy.ts'
import { startTestApp, type TestApp, type TestTenant } from '../../testing.ts'

let api: TestApp
let strict: TestApp
beforeAll(async () => {
  api = await startTestApp(app)
  strict = await startTestApp(app, { REFRESH_REUSE_GRACE_SECONDS: '0' })
})
afterAll(() => Promise.all([api.close(), strict.close()]))

const refresh = (tenant: TestTenant, refresh_token: string) =>
  tenant.send({ method: 'POST', path: '/api/auth/refresh', body: { refresh_token } })

const signOut = (tenant: TestTenant, refresh_token: string) =>
  tenant.send({ method: 'POST', path: '/api/auth/logout', body: { refresh_token } })

const statusOf = async (tenant: TestTenant, accessToken: string) =>
  (await tenant.send({ path: '/api/auth/me', headers: { authorization: `Bearer ${accessToken}` } }))
    .status

const actionsOf = async (app: TestApp, tenant: TestTenant) =>
  app.database.inTenant(backgroundScope(tenant.id), async (db) => {
    const rows = await db.selectFrom('tenantry.audit_logs').select('action').execute()
    return rows.map((it) => it.action)
  })

describe('POST /api/auth/refresh', () => {
  test('exchanges a token for its successor', async () => {
    const tenant = await api.makeTenant()
    const user = await tenant.makeUser()
    const reply = await refresh(tenant, user.refreshToken)
    expect(reply.status).toBe(200)
    expect(Object.keys(reply.json).sort()).toEqual(
      ['access_token', 'expires_in', 'refresh_token', 'token_type'].sort(),
    )
    expect(reply.json.refresh_token).not.toBe(user.refreshToken)
    expect(await statusOf(tenant, reply.json.access_token)).toBe(200)
    expect((await refresh(tenant, reply.json.refresh_token)).status).toBe(200)
  })

  test('50 concurrent uses get exactly one successor, byte for byte the same (SESS-2)', async () => {
    const tenant = await api.makeTenant()
    const user = await tenant.makeUser()
    const replies = await Promise.all(
      Array.from({ length: 50 }, () => refresh(tenant, user.refreshToken)),
    )
    expect(new Set(replies.map((it) => it.status))).toEqual(new Set([200]))
    expect(new Set(replies.map((it) => it.json.refresh_token)).size).toBe(1)
    const rows = await api.database.inTenant(backgroundScope(tenant.id), (db) =>
      db.selectFrom('tenantry.refresh_tokens').select('used_at').execute(),
    )
    expect(rows.map((it) => it.used_at === null).sort()).toEqual([false, true])
  })

  test('a retry within the grace period gets the same successor until that one is used', async () => {
    const tenant = await api.makeTenant()
    const user = await tenant.makeUser()
    const [first, again] = [
      await refresh(tenant, user.refreshToken),
      await refresh(tenant, user.refreshToken),
    ]
    expect(again.json.refresh_token).toBe(first.json.refresh_token)
    const next = await refresh(tenant, first.json.refresh_token)
    expect(next.status).toBe(200)
    const stolen = await refresh(tenant, user.refreshToken)
    expect([stolen.status, stolen.json.detail]).toEqual([401, 'Token revoked or expired'])
    expect((await refresh(tenant, next.json.refresh_token)).status).toBe(401)
  })

  test('a replay revokes the whole session with its access tokens, and is audited (SESS-3)', async () => {
    const tenant = await strict.makeTenant()
    const user = await tenant.makeUser()
    const second = await refresh(tenant, user.refreshToken)
    const third = await refresh(tenant, second.json.refresh_token)
    expect(await statusOf(tenant, third.json.access_token)).toBe(200)
    expect((await refresh(tenant, user.refreshToken)).status).toBe(401)
    expect((await refresh(tenant, third.json.refresh_token)).status).toBe(401)
    expect(await statusOf(tenant, third.json.access_token)).toBe(401)
    expect(await actionsOf(strict, tenant)).toContain('refresh.reuse')
  })

  test('a session keeps few tokens, and every older one still reveals a theft (SESS-3)', async () => {
    const tenant = await api.makeTenant()
    const user = await tenant.makeUser()
    let token = user.refreshToken
    for (let round = 0; round < 12; round++) {
      const reply = await refresh(tenant, token)
      expect(reply.status).toBe(200)
      token = reply.json.refresh_token
    }
    const { count } = await api.database.inTenant(backgroundScope(tenant.id), (db) =>
      db
        .selectFrom('tenantry.refresh_tokens')
        .select((it) => it.fn.countAll<string>().as('count'))
        .executeTakeFirstOrThrow(),
    )
    expect(Number(count)).toBe(6)
    expect((await refresh(tenant, user.refreshToken)).status).toBe(401)
    expect((await refresh(tenant, token)).status).toBe(401)
    expect(await actionsOf(api, tenant)).toContain('refresh.reuse')
  })

  test('a session can be signed out with a token whose row is deleted', async () => {
    const tenant = await api.makeTenant()
    const user = await tenant.makeUser()
    let token = user.refreshToken
    for (let round = 0; round < 8; round++)
      token = (await refresh(tenant, token)).json.refresh_token
    expect((await signOut(tenant, user.refreshToken)).status).toBe(204)
    expect((await refresh(tenant, token)).status).toBe(401)
  })

  test('garbage, an access token and a token of another tenant are rejected (SESS-1)', async () => {
    const [tenant, other] = [await api.makeTenant(), await api.makeTenant()]
    const user = await tenant.makeUser()
    for (const reply of [
      await refresh(tenant, 'garbage'),
      await refresh(tenant, user.accessToken),
    ]) {
      expect([reply.status, reply.json.detail]).toEqual([401, 'Invalid token'])
    }
    const foreign = await refresh(other, user.refreshToken)
    expect([foreign.status, foreign.json.detail]).toEqual([401, 'Could not validate credentials'])
    expect((await refresh(tenant, user.refreshToken)).status).toBe(200)
  })

  test('the database stores only a hash of the token (SESS-1)', async () => {
    const tenant = await api.makeTenant()
    const user = await tenant.makeUser()
    const [, payload = ''] = user.refreshToken.split('.')
    const { jti } = JSON.parse(Buffer.from(payload, 'base64url').toString())
    expect(Buffer.from(jti, 'base64url').length).toBe(32)
    const rows = await api.database.inTenant(backgroundScope(tenant.id), (db) =>
      db.selectFrom('tenantry.refresh_tokens').selectAll().execute(),
    )
    expect(JSON.stringify(rows)).not.toContain(jti)
  })

  test('never outlives the session, and an idle or expired session cannot be refreshed (SESS-5)', async () => {
    const tenant = await api.makeTenant()
    const [idle, old, near] = [
      await tenant.makeUser(),
      await tenant.makeUser(),
      await tenant.makeUser(),
    ]
    const age = (userId: string, columns: Record<string, string>) =>
      api.database.inTenant(backgroundScope(tenant.id), (db) =>
        db.updateTable('tenantry.sessions').set(columns).where('user_id', '=', userId).execute(),
      )
    const past = new Date(Date.now() - 1_000).toISOString()
    const soon = new Date(Date.now() + 60_000).toISOString()
    await age(idle.id, { idle_expires_at: past })
    await age(old.id, { expires_at: past })
    await age(near.id, { expires_at: soon })
    for (const user of [idle, old]) {
      expect((await refresh(tenant, user.refreshToken)).status).toBe(401)
      expect(await statusOf(tenant, user.accessToken)).toBe(401)
    }
    const reply = await refresh(tenant, near.refreshToken)
    const [, payload = ''] = reply.json.refresh_token.split('.')
    const { exp } = JSON.parse(Buffer.from(payload, 'base64url').toString())
    expect(exp).toBeLessThanOrEqual(Math.ceil(Date.parse(soon) / 1000))
  })
})

describe('POST /api/auth/logout', () => {
  test('revokes the session with its access tokens (SESS-6)', async () => {
    const tenant = await api.makeTenant()
    const user = await tenant.makeUser()
    const reply = await signOut(tenant, user.refreshToken)
    expect([reply.status, reply.text]).toEqual([204, ''])
    expect(await statusOf(tenant, user.accessToken)).toBe(401)
    const after = await refresh(tenant, user.refreshToken)
    expect([after.status, after.json.detail]).toEqual([401, 'Token revoked or expired'])
    expect((await signOut(tenant, user.refreshToken)).status).toBe(204)
    expect(await actionsOf(api, tenant)).toContain('auth.signed_out')
  })

  test('rejects a token that is not a refresh token of this tenant', async () => {
    const [tenant, other] = [await api.makeTenant(), await api.makeTenant()]
    const user = await tenant.makeUser()
    const garbage = await signOut(tenant, 'garbage')
    expect([garbage.status, garbage.json.detail]).toEqual([401, 'Invalid token'])
    expect((await signOut(other, user.refreshToken)).status).toBe(401)
    expect(await statusOf(tenant, user.accessToken)).toBe(200)
  })

  test('no token survives a concurrent sign-out and refresh (SESS-4)', async () => {
    const tenant = await api.makeTenant()
    for (let round = 0; round < 40; round++) {
      const user = await tenant.makeUser()
      const [out, next] = await Promise.all([
        signOut(tenant, user.refreshToken),
        refresh(tenant, user.refreshToken),
      ])
      expect(out.status).toBe(204)
      if (next.status !== 200) continue
      expect((await refresh(tenant, next.json.refresh_token)).status).toBe(401)
      expect(await statusOf(tenant, next.json.access_token)).toBe(401)
    }
  })
})
