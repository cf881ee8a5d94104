import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { backgroundScope } from '../../src/db/tenancy.ts'
import { suspendTenant } from '../../src/modules/tenants/tenants.ts'
import type { TestReply, TestTenant, TestUser } from '../../src/testing.ts'
import { untilRejected } from '../revocation/scene.ts'
import { startTwoServers, type TwoServers } from '../revocation/two_servers.ts'

const ROUNDS = 8
const password = () => `horse ${randomUUID()}`

let servers: TwoServers
beforeAll(async () => {
  // Fifteen of the sixteen passwords are wrong.
  servers = await startTwoServers({
    SIGNIN_LIMIT_ACCOUNT: '1000',
    SIGNIN_LIMIT_ADDRESS: '100000',
  })
}, 120_000)
afterAll(() => servers.stop(), 60_000)

const ask: TwoServers['ask'] = (tenant, at, request) => servers.ask(tenant, at, request)

function refresh(tenant: TestTenant, at: number, refresh_token: string): Promise<TestReply> {
  return ask(tenant, at, { method: 'POST', path: '/api/auth/refresh', body: { refresh_token } })
}

async function resetToken(tenant: TestTenant, { email }: TestUser): Promise<string> {
  await tenant.send({ method: 'POST', path: '/api/auth/forgot-password', body: { email } })
  const [mail] = await servers.home.mailsTo(email)
  return /#token=([\w-]+)/.exec(mail?.text ?? '')?.[1] ?? ''
}

describe('two servers on one database', () => {
  test('accept one of 16 concurrent uses of a reset token (AUTHN-7)', async () => {
    const tenant = await servers.home.makeTenant()
    const user = await tenant.makeUser()
    const token = await resetToken(tenant, user)
    const passwords = Array.from({ length: 16 }, password)
    const path = '/api/auth/reset-password'
    const replies = await Promise.all(
      passwords.map((new_password, at) =>
        ask(tenant, at, { method: 'POST', path, body: { token, new_password } }),
      ),
    )
    expect(replies.map((it) => it.status).sort()).toEqual([200, ...Array(15).fill(400)])
    const signIns = await Promise.all(
      passwords.map((it, at) =>
        ask(tenant, at, {
          method: 'POST',
          path: '/api/auth/login',
          body: { email: user.email, password: it },
        }),
      ),
    )
    // The password in effect is that of the one request that was answered 200.
    const winner = replies.findIndex((it) => it.status === 200)
    expect(signIns.findIndex((it) => it.status === 200)).toBe(winner)
    expect(signIns.filter((it) => it.status === 200)).toHaveLength(1)
  }, 60_000)

  test('give 50 concurrent uses of a refresh token one successor (SESS-2)', async () => {
    const tenant = await servers.home.makeTenant()
    const user = await tenant.makeUser()
    const replies = await Promise.all(
      Array.from({ length: 50 }, (_, at) => refresh(tenant, at, user.refreshToken)),
    )
    expect(new Set(replies.map((it) => it.status))).toEqual(new Set([200]))
    expect(new Set(replies.map((it) => it.json.refresh_token)).size).toBe(1)
    const rows = await servers.home.database.inTenant(backgroundScope(tenant.id), (db) =>
      db.selectFrom('tenantry.refresh_tokens').select('used_at').execute(),
    )
    expect(rows.map((it) => it.used_at === null).sort()).toEqual([false, true])
  }, 60_000)
})

/** Actions that revoke the sessions of a user, sent to the second server. */
const endings: Record<
  string,
  (tenant: TestTenant, user: TestUser) => Promise<() => Promise<unknown>>
> = {
  'a logout': async (tenant, user) => () =>
    ask(tenant, 1, {
      method: 'POST',
      path: '/api/auth/logout',
      body: { refresh_token: user.refreshToken },
    }),
  'a password reset': async (tenant, user) => {
    const token = await resetToken(tenant, user)
    const body = { token, new_password: password() }
    return () => ask(tenant, 1, { method: 'POST', path: '/api/auth/reset-password', body })
  },
  'the suspension of a member': async (tenant, user) => {
    const admin = await tenant.makeUser({ roles: ['admin_tenant'] })
    const path = `/api/members/${user.id}`
    const body = { is_active: false }
    return () => ask(tenant, 1, { method: 'PATCH', path, user: admin, body })
  },
  'the removal of a member': async (tenant, user) => {
    const admin = await tenant.makeUser({ roles: ['admin_tenant'] })
    const path = `/api/members/${user.id}`
    return () => ask(tenant, 1, { method: 'DELETE', path, user: admin })
  },
  'the suspension of the tenant': async (tenant) => () =>
    servers.home.database.acrossTenants('test', (db) => suspendTenant(db, tenant.subdomain)),
}

describe('no token refreshed on one server survives, on either server,', () => {
  test.each(Object.entries(endings))(
    '%s on the other (SESS-4)',
    async (_, prepare) => {
      for (let round = 0; round < ROUNDS; round++) {
        const tenant = await servers.home.makeTenant()
        const user = await tenant.makeUser()
        const end = await prepare(tenant, user)
        const [pairs, ended] = await Promise.all([refreshInChain(tenant, user), end()])
        const endedAt = performance.now()
        expect(statusOf(ended)).toBeLessThan(300)
        // The newest first: presenting an old one revokes the session by itself.
        for (const pair of pairs.toReversed()) await expectRevoked(tenant, pair, endedAt)
      }
    },
    60_000,
  )
})

/** Uses each successor immediately, until one is rejected or four were issued. Returns all of them. */
async function refreshInChain(
  tenant: TestTenant,
  { accessToken, refreshToken }: TestUser,
): Promise<Pair[]> {
  const pairs = [{ accessToken, refreshToken }]
  for (let refreshes = 0; refreshes < 4; refreshes++) {
    const { status, json } = await refresh(tenant, 0, pairs.at(-1)?.refreshToken ?? '')
    if (status !== 200) break
    pairs.push({ accessToken: json.access_token, refreshToken: json.refresh_token })
  }
  return pairs
}

type Pair = Pick<TestUser, 'accessToken' | 'refreshToken'>

// A server may honour an access token for a second at most, and never the refresh token.
async function expectRevoked(tenant: TestTenant, pair: Pair, endedAt: number): Promise<void> {
  for (const at of [0, 1]) {
    const me = () => ask(tenant, at, { path: '/api/auth/me', user: pair })
    const rejected = await untilRejected(me, endedAt)
    const next = await refresh(tenant, at, pair.refreshToken)
    for (const { status } of [rejected, next]) expect([401, 403]).toContain(status)
  }
}

// Work of a platform admin has no status: it has returned, or it has thrown.
function statusOf(ended: unknown): number {
  return typeof ended === 'object' && ended !== null && 'status' in ended ? Number(ended.status) : 0
}
