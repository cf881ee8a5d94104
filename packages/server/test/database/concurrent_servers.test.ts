import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { INSTALLATION_REALM } from '../../src/access/realm.ts'
import { createResetLink } from '../../src/modules/password_resets/reset_links.ts'
import type { TestReply, TestTenant, TestUser } from '../../src/testing.ts'
import { startTwoServers, type TwoServers } from '../revocation/two_servers.ts'

// Operations of which exactly one may succeed, with concurrent attempts on two servers. Those of sessions
// and reset tokens are in interleaving.test.ts, those of commands in two_commands.test.ts.
let servers: TwoServers
beforeAll(async () => {
  servers = await startTwoServers({
    TRUST_PROXY: '127.0.0.1',
    SIGNIN_LIMIT_ADDRESS: '5',
    SIGNIN_LIMIT_TENANT: '12',
  })
}, 120_000)
afterAll(() => servers.stop(), 60_000)

const ask: TwoServers['ask'] = (tenant, at, request) => servers.ask(tenant, at, request)

/** Sixteen concurrent requests, alternating between the two servers. */
function sixteen(make: (at: number) => Promise<TestReply>): Promise<TestReply[]> {
  return Promise.all(Array.from({ length: 16 }, (_, at) => make(at)))
}

function statusesOf(replies: TestReply[]): number[] {
  return replies.map((it) => it.status).sort()
}

const oneOf16 = (winner: number, other: number) =>
  [winner, ...Array(15).fill(other)].sort((a, b) => a - b)

async function makeTenantWithAdmin() {
  const tenant = await servers.home.makeTenant()
  return { tenant, admin: await tenant.makeUser({ roles: ['admin_tenant'] }) }
}

describe('a name', () => {
  test.each([
    ['/api/projects', (name: string) => ({ name })],
    ['/api/roles', (name: string) => ({ name, description: '', permissions: [] })],
  ] as const)('is taken once by 16 concurrent requests to %s (RLS-6)', async (path, bodyOf) => {
    const { tenant, admin } = await makeTenantWithAdmin()
    const body = bodyOf('only_one')
    const replies = await sixteen((at) =>
      ask(tenant, at, { method: 'POST', path, body, user: admin }),
    )
    expect(statusesOf(replies)).toEqual(oneOf16(201, 409))
    const { json } = await ask(tenant, 0, { path, user: admin })
    const [winner] = replies.filter((it) => it.status === 201)
    const named = json.items.filter((it: { name: string }) => it.name === 'only_one')
    expect(named.map((it: { id: string }) => it.id)).toEqual([winner?.json.id])
  })
})

describe('of 16 concurrent changes of one version', () => {
  test.each([
    ['/api/projects', { name: 'p' }],
    ['/api/roles', { name: 'r', description: '', permissions: [] }],
  ] as const)('one succeeds at %s, and the rest are a 412 (API-6)', async (path, body) => {
    const { tenant, admin } = await makeTenantWithAdmin()
    const made = await ask(tenant, 0, { method: 'POST', path, body, user: admin })
    const one = `${path}/${made.json.id}`
    const { headers } = await ask(tenant, 0, { path: one, user: admin })
    const replies = await sixteen((at) =>
      ask(tenant, at, {
        method: 'PATCH',
        path: one,
        body: { description: `by ${at}` },
        headers: { 'if-match': headers['etag'] ?? '' },
        user: admin,
      }),
    )
    expect(statusesOf(replies)).toEqual(oneOf16(200, 412))
    const winner = replies.findIndex((it) => it.status === 200)
    const { json } = await ask(tenant, 1, { path: one, user: admin })
    expect(json.description).toBe(`by ${winner}`)
  })

  test('one deletes, and the rest are a 404', async () => {
    const { tenant, admin } = await makeTenantWithAdmin()
    const body = { name: 'p' }
    const made = await ask(tenant, 0, { method: 'POST', path: '/api/projects', body, user: admin })
    const path = `/api/projects/${made.json.id}`
    const replies = await sixteen((at) => ask(tenant, at, { method: 'DELETE', path, user: admin }))
    expect(statusesOf(replies)).toEqual(oneOf16(204, 404))
    const log = await ask(tenant, 0, {
      path: '/api/audit-logs?action=projects.delete',
      user: admin,
    })
    expect(log.json.items).toHaveLength(1)
  })
})

test('two administrators who demote each other, each on its server, leave one (AUTHZ-3)', async () => {
  const tenant = await servers.home.makeTenant()
  const demote = (at: number, by: TestUser, member: TestUser) =>
    ask(tenant, at, {
      method: 'PATCH',
      path: `/api/members/${member.id}`,
      body: { roles: [] },
      user: by,
    })
  for (let round = 0; round < 8; round++) {
    const [a, b] = [
      await tenant.makeUser({ roles: ['admin_tenant'] }),
      await tenant.makeUser({ roles: ['admin_tenant'] }),
    ]
    const replies = await Promise.all([demote(0, a, b), demote(1, b, a)])
    expect(statusesOf(replies)).toEqual([200, 403])
  }
})

let lastAddress = 0
const newAddress = () => `2001:db8:77:${(++lastAddress).toString(16)}::1`

function signIn(tenant: TestTenant, at: number, from: string, email: string, password: string) {
  const headers = { 'x-forwarded-for': from }
  const body = { email, password }
  return ask(tenant, at, { method: 'POST', path: '/api/auth/login', body, headers })
}

describe('both servers share the limit of sign-ins (AUTHN-5, DOS-4)', () => {
  const limits: Record<string, [number, (at: number) => [string, string]]> = {
    'of an account': [10, () => [newAddress(), 'u@example.com']],
    'of an address': [5, (at) => ['192.0.2.9', `u${at}@example.com`]],
    'of a tenant': [12, (at) => [newAddress(), `u${at}@example.com`]],
  }
  test.each(Object.entries(limits))('%s', async (_, [limit, guessAt]) => {
    const tenant = await servers.home.makeTenant()
    const prefix = randomUUID()
    const replies = await Promise.all(
      Array.from({ length: 30 }, (_, at) => {
        const [from, email] = guessAt(at)
        return signIn(tenant, at, from, `${prefix}${email}`, 'wrong password')
      }),
    )
    const counted = [401, 429].map((status) => replies.filter((it) => it.status === status).length)
    expect(counted).toEqual([limit, 30 - limit])
  })
})

test('no session survives that was started with the old password during a reset on the other server (SESS-4)', async () => {
  const tenant = await servers.home.makeTenant()
  for (let round = 0; round < 8; round++) {
    const user = await tenant.makeUser()
    const token = await resetToken(tenant, user)
    const [signedIn, changed] = await Promise.all([
      signIn(tenant, 0, newAddress(), user.email, user.password),
      resetPassword(tenant, token),
    ])
    expect(changed.status).toBe(200)
    if (signedIn.status !== 200) continue
    for (const at of [0, 1]) {
      const accessToken = signedIn.json.access_token
      // The other server may honour the session for a second.
      const me = async () =>
        (await ask(tenant, at, { path: '/api/auth/me', user: { accessToken } })).status
      await expect.poll(me, { timeout: 10_000 }).toBe(401)
    }
  }
})

test('the use of a reset link concurrent with new ones from another process succeeds or is rejected (POOL-6)', async () => {
  const tenant = await servers.home.makeTenant()
  for (let round = 0; round < 8; round++) {
    const user = await tenant.makeUser()
    const token = await resetToken(tenant, user)
    const links = Array.from({ length: 4 }, () => resetToken(tenant, user))
    const [used] = await Promise.all([resetPassword(tenant, token), ...links])
    expect([200, 400]).toContain(used.status)
  }
})

/** A reset token made in this process, as the CLI makes one. */
async function resetToken({ id, subdomain, host }: TestTenant, user: TestUser): Promise<string> {
  const limits = { rate: null, concurrency: null }
  const about = {
    id,
    subdomain,
    name: '',
    origin: `https://${host}`,
    issuer: `https://${host}`,
    home: `https://${host}`,
    realm: INSTALLATION_REALM,
    limits,
    branding: {},
  }
  const request = { id: randomUUID(), address: '127.0.0.1', userAgent: '' }
  const wanted = { tenant: about, userId: user.id, request, channel: 'mail' } as const
  const link = await createResetLink(servers.home, wanted)
  return link.split('#token=')[1] ?? ''
}

function resetPassword(tenant: TestTenant, token: string): Promise<TestReply> {
  const body = { token, new_password: `horse ${randomUUID()}` }
  return ask(tenant, 1, { method: 'POST', path: '/api/auth/reset-password', body })
}
