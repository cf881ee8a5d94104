import { randomBytes, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { app } from '../../../starter/src/app.ts'
import { suspendTenant } from '../src/modules/tenants/tenants.ts'
import { send, type TestReply, type TestRequest } from '../src/testing/http_client.ts'
import { startTestApp, type TestApp, type TestTenant, type TestUser } from '../src/testing.ts'
import { makeWorkplace, type Workplace } from './cli.ts'
import { sharedDatabase } from './databases.ts'

const SECRET_KEY = randomBytes(48).toString('base64')
const LISTENING = /"url":"http:\/\/127\.0\.0\.1:(\d+)"/
const ROUNDS = 8
const REFUSED = [401, 403]
const password = () => `horse ${randomUUID()}`

// Two servers on one database, each a process of its own. A third app, in this process, makes the
// tenants and catches the mails.
let home: TestApp
let place: Workplace
let ports: number[]
beforeAll(async () => {
  home = await startTestApp(app, { SECRET_KEY, SIGNIN_LIMIT_ACCOUNT: '1000' })
  place = makeWorkplace()
  ports = await Promise.all([startServer(), startServer()])
}, 120_000)
afterAll(async () => {
  await place.remove()
  await home.close()
}, 60_000)

async function startServer(): Promise<number> {
  const { app: DB_URL, identity: DB_IDENTITY_URL } = sharedDatabase()
  const server = place.launch('start', {
    NODE_ENV: 'production',
    DB_URL,
    DB_IDENTITY_URL,
    SECRET_KEY,
    BASE_DOMAINS: 'app.test',
    PUBLIC_ORIGIN: 'https://{tenant}.app.test',
    HOST: '127.0.0.1',
    DB_WAIT_MS: '20000',
    // Fifteen of the sixteen passwords are wrong.
    SIGNIN_LIMIT_ACCOUNT: '1000',
    SIGNIN_LIMIT_ADDRESS: '100000',
  })
  const [, port] = await server.says(LISTENING)
  return Number(port)
}

/** Sends to one of the two servers, in turn. */
function ask(tenant: TestTenant, at: number, request: TestRequest): Promise<TestReply> {
  const port = ports[at % ports.length] ?? 0
  return send(port, { ...request, headers: { host: tenant.host, ...request.headers } })
}

const as = ({ accessToken }: Pick<TestUser, 'accessToken'>) => ({
  authorization: `Bearer ${accessToken}`,
})

function refresh(tenant: TestTenant, at: number, refresh_token: string): Promise<TestReply> {
  return ask(tenant, at, { method: 'POST', path: '/api/auth/refresh', body: { refresh_token } })
}

async function resetToken(tenant: TestTenant, { email }: TestUser): Promise<string> {
  await tenant.send({ method: 'POST', path: '/api/auth/forgot-password', body: { email } })
  const [mail] = await home.mailsTo(email)
  return /#token=([\w-]+)/.exec(mail?.text ?? '')?.[1] ?? ''
}

describe('two servers on one database', () => {
  test('let one of 16 parallel uses of a reset token through (AUTHN-7)', async () => {
    const tenant = await home.makeTenant()
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
    // The password that stands is that of the one who was told so.
    const winner = replies.findIndex((it) => it.status === 200)
    expect(signIns.findIndex((it) => it.status === 200)).toBe(winner)
    expect(signIns.filter((it) => it.status === 200)).toHaveLength(1)
  }, 60_000)

  test('give 50 parallel uses of a refresh token one successor (SESS-2)', async () => {
    const tenant = await home.makeTenant()
    const user = await tenant.makeUser()
    const replies = await Promise.all(
      Array.from({ length: 50 }, (_, at) => refresh(tenant, at, user.refreshToken)),
    )
    expect(new Set(replies.map((it) => it.status))).toEqual(new Set([200]))
    expect(new Set(replies.map((it) => it.json.refresh_token)).size).toBe(1)
    const rows = await home.doors.inTenant(tenant.id, (db) =>
      db.selectFrom('tenantry.refresh_tokens').select('used_at').execute(),
    )
    expect(rows.map((it) => it.used_at === null).sort()).toEqual([false, true])
  }, 60_000)
})

/** What ends the sessions of a user, sent to the second server. */
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
  'a membership switched off': async (tenant, user) => {
    const admin = await tenant.makeUser({ roles: ['admin_tenant'] })
    const path = `/api/members/${user.id}`
    const body = { is_active: false }
    return () => ask(tenant, 1, { method: 'PATCH', path, headers: as(admin), body })
  },
  'the end of a membership': async (tenant, user) => {
    const admin = await tenant.makeUser({ roles: ['admin_tenant'] })
    const path = `/api/members/${user.id}`
    return () => ask(tenant, 1, { method: 'DELETE', path, headers: as(admin) })
  },
  'the suspension of the tenant': async (tenant) => () =>
    home.doors.acrossTenants('test', (db) => suspendTenant(db, tenant.subdomain)),
}

describe('of refreshes on one server no token survives, on either,', () => {
  test.each(Object.entries(endings))(
    '%s on the other (SESS-4)',
    async (_, prepare) => {
      for (let round = 0; round < ROUNDS; round++) {
        const tenant = await home.makeTenant()
        const user = await tenant.makeUser()
        const end = await prepare(tenant, user)
        const [pairs, ended] = await Promise.all([refreshOnAndOn(tenant, user), end()])
        expect(statusOf(ended)).toBeLessThan(300)
        // The newest first: an old one that is presented ends the session by itself.
        for (const pair of pairs.toReversed()) await expectOver(tenant, pair)
      }
    },
    60_000,
  )
})

/** Uses each successor at once, until one is refused or four were given. Gives all that were. */
async function refreshOnAndOn(
  tenant: TestTenant,
  { accessToken, refreshToken }: TestUser,
): Promise<Pair[]> {
  const pairs = [{ accessToken, refreshToken }]
  for (let turn = 0; turn < 4; turn++) {
    const { status, json } = await refresh(tenant, 0, pairs.at(-1)?.refreshToken ?? '')
    if (status !== 200) break
    pairs.push({ accessToken: json.access_token, refreshToken: json.refresh_token })
  }
  return pairs
}

type Pair = Pick<TestUser, 'accessToken' | 'refreshToken'>

async function expectOver(tenant: TestTenant, pair: Pair): Promise<void> {
  for (const [at] of ports.entries()) {
    const me = () => ask(tenant, at, { path: '/api/auth/me', headers: as(pair) })
    // The other server hears of it a moment later.
    await expect.poll(async () => (await me()).status, { timeout: 5_000 }).toBeOneOf(REFUSED)
    expect(REFUSED).toContain((await refresh(tenant, at, pair.refreshToken)).status)
  }
}

// An operator's work has no status: it has returned, or it has thrown.
function statusOf(ended: unknown): number {
  return typeof ended === 'object' && ended !== null && 'status' in ended ? Number(ended.status) : 0
}
