import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { decodeJwt } from 'jose'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { withDatabase } from '../../src/db/connect/dsn.ts'
import { withClient } from '../../src/db/connect/with_client.ts'
import { send, type TestReply } from '../../src/testing/http_client.ts'
import { domainRow } from '../fixtures/domain_row.ts'
import { deployFolder } from './compose_files.ts'
import { type Deployment, deploy, OUTER_PROXY } from './containers.ts'
import { startReverseProxy } from './reverse_proxy.ts'

const secret = () => randomBytes(32).toString('hex')
const variables = {
  BASE_DOMAIN: 'local.com',
  SECRET_KEY: secret(),
  POSTGRES_PASSWORD: secret(),
  DB_APP_PASSWORD: secret(),
  DB_IDENTITY_PASSWORD: secret(),
  DB_JOBS_PASSWORD: secret(),
  DB_OWNER_PASSWORD: secret(),
  DB_PLATFORM_PASSWORD: secret(),
  DB_BACKUP_PASSWORD: secret(),
  ACME_EMAIL: 'ann@local.com',
  ACME_DNS_PROVIDER: 'none',
}
const HOST = 'client1.local.com'
// A kept-alive connection might be dropped by the proxy when it loads a new configuration.
const HEADERS = { host: HOST, connection: 'close' }
const credentials = { email: 'admin@client1.com', password: 'admin123' }

// The tests run in order on one deployment, as its administrator would.
let it: Deployment
beforeAll(async () => {
  it = await deploy(variables)
}, 240_000)
afterAll(() => it.stop(), 60_000)

const call = (path: string, headers = {}) =>
  send(it.proxy.port, { path, headers: { ...HEADERS, ...headers } })

function signIn(headers = {}, port = it.proxy.port): Promise<TestReply> {
  const path = '/api/auth/login'
  return send(port, {
    method: 'POST',
    path,
    headers: { ...HEADERS, ...headers },
    body: credentials,
  })
}

describe('the deployment of the Compose files, with a proxy in front of two servers,', {
  timeout: 120_000,
}, () => {
  test.each(['public', 'client1', 'client2'])(
    "serves the demo's host %s.local.com",
    async (label) => {
      const host = `${label}.local.com`
      for (let times = 0; times < 4; times++) {
        const reply = await call('/', { host })
        expect([reply.status, reply.json.status]).toEqual([200, 'ok'])
      }
    },
  )

  test('accepts the token of one server at the other', async () => {
    const authorization = `Bearer ${(await signIn({}, it.nodes[0].port)).json.access_token}`
    const reply = await send(it.nodes[1].port, {
      path: '/api/auth/me',
      headers: { host: HOST, authorization },
    })
    expect(reply.json.tenant_name).toBe('Client 1')
  })

  test('can be set up and migrated again', async () => {
    const setUp = await it.containers.run('setup')
    const migrated = await it.containers.run('migrate')
    expect([setUp.code, setUp.stderr]).toEqual([0, 'app is ready: 0 migrations applied\n'])
    expect([migrated.code, migrated.stdout]).toEqual([0, 'nothing is pending\n'])
    for (const it of Object.values(variables)) expect(setUp.stdout).not.toContain(it)
  })

  test('is administered by the command line, and passes the doctor', async () => {
    const runCli = (command: string[]) => it.containers.run('admin', { command })
    const created = await runCli(['tenant', 'create', '--name', 'Acme', '--subdomain', 'acme'])
    expect(created.code).toBe(0)
    expect((await call('/', { host: 'acme.local.com' })).status).toBe(200)
    const { stdout } = await runCli(['doctor', '--json'])
    const { checks } = JSON.parse(stdout)
    const faults = checks.filter(({ state }: { state: string }) => state === 'fail')
    // The embedded server may be older than the version that production needs.
    expect(faults.filter(({ name }: { name: string }) => name !== 'server version')).toEqual([])
  })

  test('TEN-7 issues tokens with https issuers', async () => {
    const { iss } = decodeJwt((await signIn()).json.access_token)
    expect(iss).toBe(`https://${HOST}`)
    expect((await call('/')).headers['strict-transport-security']).toMatch(/^max-age=/)
  })

  test('TEN-4 logs the address that the proxy saw, not the one that the client claims', async () => {
    const from = '127.0.0.9'
    const spoofed = { 'x-forwarded-for': '203.0.113.7', 'x-real-ip': '203.0.113.7' }
    const reply = await signInFrom(from, it.proxy.port, spoofed)
    expect(await addressOf(reply)).toBe(from)
  })

  test('TEN-4 ignores forwarding headers that do not come from the proxy', async () => {
    const from = '127.0.0.10'
    const spoofed = { 'x-forwarded-for': '203.0.113.7', 'x-forwarded-host': 'client2.local.com' }
    const reply = await signInFrom(from, it.nodes[0].port, spoofed)
    expect(await addressOf(reply)).toBe(from)
  })

  test('TEN-4 rejects a Forwarded header that contradicts the proxy', async () => {
    const reply = await call('/', { forwarded: 'for=203.0.113.7;host=client2.local.com' })
    expect([reply.status, reply.json.detail]).toEqual([400, 'Invalid host format'])
  })

  test('TEN-2 TEN-4 leads a verified custom domain to its tenant, and no other name', async () => {
    const [verified, pending] = [await addDomain(true), await addDomain(false)]
    for (const host of [verified, `${verified.toUpperCase()}.`, `${verified}:443`]) {
      const claimed = { 'x-forwarded-host': 'client2.local.com' }
      const reply = await call('/api/branding', { host, ...claimed })
      expect([reply.status, reply.json.tenant_name]).toEqual([200, 'Client 1'])
    }
    const unknown = await call('/api/branding', { host: 'unknown.example' })
    for (const host of [pending, `www.${verified}`]) {
      const reply = await call('/api/branding', { host })
      expect([reply.status, reply.json.code]).toEqual([unknown.status, unknown.json.code])
    }
    expect(unknown.status).toBe(404)
  })

  test('TEN-4 sees the client and its https through two proxies in a row', async () => {
    const outer = await startReverseProxy([it.proxy.port], OUTER_PROXY)
    onTestFinished(() => outer.stop())
    const from = '127.0.0.11'
    const spoofed = { 'x-forwarded-for': '203.0.113.7', 'x-forwarded-host': 'client2.local.com' }
    expect(await addressOf(await signInFrom(from, outer.port, spoofed))).toBe(from)
    const reply = await send(outer.port, {
      method: 'POST',
      path: '/api/auth/login',
      headers: { ...HEADERS, origin: `https://${HOST}` },
      body: { ...credentials, session: 'cookie' },
    })
    expect([reply.status, reply.headers['set-cookie']]).toEqual([
      200,
      expect.stringMatching(/^__Host-tenantry=.*Secure/),
    ])
  })

  test("OPS-5 passes the image's health check, which fails where no server listens", async () => {
    const text = readFileSync(join(deployFolder, 'Dockerfile'), 'utf8').replaceAll(/\\\n\s*/g, '')
    const [, json = '[]'] = /^HEALTHCHECK .*?CMD (\[.*\])$/m.exec(text) ?? []
    const [, ...args]: string[] = JSON.parse(json)
    const check = (port: number) =>
      promisify(execFile)(process.execPath, args, { env: { PORT: String(port) } })
    await check(it.nodes[0].port)
    await expect(check(1)).rejects.toMatchObject({ code: 1 })
  })
})

describe('without a failed request under load,', { timeout: 240_000 }, () => {
  test('OPS-7 JWT-4 the SECRET_KEY is rotated, and every session survives', async () => {
    const [old, next] = [variables.SECRET_KEY, secret()]
    const before = (await signIn()).json
    const load = startLoad()
    // First every server verifies with the new key, then every server signs with it.
    await it.roll({ SECRET_KEY: old, SECRET_KEY_PREVIOUS: next })
    await it.roll({ SECRET_KEY: next, SECRET_KEY_PREVIOUS: old })
    variables.SECRET_KEY = next
    const { sent, failed } = await load.stop()
    expect(failed).toEqual([])
    expect(sent).toBeGreaterThan(20)

    const authorization = `Bearer ${before.access_token}`
    expect((await call('/api/auth/me', { authorization })).status).toBe(200)
    const refreshed = await refresh(before.refresh_token)
    expect(refreshed.status).toBe(200)
    // The old key is removed once every token it signed has expired.
    await it.roll({ SECRET_KEY: next })
    expect((await call('/api/auth/me', { authorization })).status).toBe(401)
    expect((await signIn()).status).toBe(200)
  })

  test("OPS-7 the passwords of the database's roles are rotated", async () => {
    const changed = ['APP', 'IDENTITY', 'JOBS', 'OWNER', 'PLATFORM'].map((it) => [
      `DB_${it}_PASSWORD`,
      secret(),
    ])
    const next = { ...variables, ...Object.fromEntries(changed) }
    const { DB_APP_PASSWORD, DB_IDENTITY_PASSWORD, DB_JOBS_PASSWORD } = next
    const load = startLoad()
    // First every server is given the next password.
    await it.roll({
      ...variables,
      DB_APP_PASSWORD_NEXT: DB_APP_PASSWORD,
      DB_IDENTITY_PASSWORD_NEXT: DB_IDENTITY_PASSWORD,
      DB_JOBS_PASSWORD_NEXT: DB_JOBS_PASSWORD,
    })
    const command = ['setup', '--reset-passwords']
    expect((await it.containers.run('setup', { command, variables: next })).code).toBe(0)
    expect((await load.stop()).failed).toEqual([])

    // Ends all connections: new ones use the new password.
    await withClient(it.containers.database.adminUrl, (admin) =>
      admin.query(
        `select pg_terminate_backend(pid) from pg_stat_activity where usename ~ '^tenantry_'`,
      ),
    )
    // Until a pool notices that a connection has ended, a request may get it and be a 503.
    const several = async () => {
      const statuses = new Set<number>()
      for (let times = 0; times < 4; times++) statuses.add((await signIn()).status)
      return [...statuses]
    }
    await expect.poll(several, { timeout: 20_000 }).toEqual([200])
    const late = await it.containers.run('admin', { command: ['tenant', 'list'] })
    expect([late.code, late.stderr]).toEqual([
      1,
      expect.stringContaining('password authentication failed'),
    ])
    const rest = startLoad()
    await it.roll(next)
    expect((await rest.stop()).failed).toEqual([])
  })
})

function refresh(refreshToken: string): Promise<TestReply> {
  return send(it.proxy.port, {
    method: 'POST',
    path: '/api/auth/refresh',
    headers: HEADERS,
    body: { refresh_token: refreshToken },
  })
}

/** A client that signs in, reads its profile and refreshes, repeatedly, until it is stopped. */
function startLoad() {
  const failed: string[] = []
  let sent = 0
  let ended = false
  const expectOk = async (what: string, sending: Promise<TestReply>) => {
    sent++
    const reply = await sending.catch((error: Error) => ({ status: error.message, json: {} }))
    if (reply.status !== 200) failed.push(`${what}: ${reply.status} ${JSON.stringify(reply.json)}`)
    return reply.json
  }
  const running = (async () => {
    while (!ended) {
      const { access_token, refresh_token } = await expectOk('sign-in', signIn())
      if (access_token === undefined) continue
      for (let times = 0; times < 5; times++) {
        await expectOk('me', call('/api/auth/me', { authorization: `Bearer ${access_token}` }))
      }
      const renewed = await expectOk('refresh', refresh(refresh_token))
      const authorization = `Bearer ${renewed.access_token}`
      await expectOk('me, renewed', call('/api/auth/me', { authorization }))
    }
  })()
  return {
    async stop() {
      ended = true
      await running
      return { sent, failed }
    },
  }
}

/** Signs in from another address of this machine. Returns the request's id. */
function signInFrom(
  localAddress: string,
  port: number,
  headers: Record<string, string>,
): Promise<string> {
  const body = JSON.stringify(credentials)
  return new Promise((resolve, reject) => {
    const outgoing = request({
      host: '127.0.0.1',
      port,
      localAddress,
      method: 'POST',
      path: '/api/auth/login',
      headers: { host: HOST, 'content-type': 'application/json', ...headers },
    })
    outgoing.on('error', reject)
    outgoing.on('response', (incoming) => {
      incoming.resume()
      if (incoming.statusCode === 200) resolve(String(incoming.headers['x-request-id']))
      else reject(new Error(`signing in was answered with ${incoming.statusCode}`))
    })
    outgoing.end(body)
  })
}

/** A custom domain of client1. */
async function addDomain(isVerified: boolean): Promise<string> {
  const name = `d-${randomBytes(5).toString('hex')}.example`
  await withClient(withDatabase(it.containers.database.adminUrl, 'app'), async (admin) => {
    const { rows } = await admin.query<{ id: string }>(
      "select id from tenantry.tenants where subdomain = 'client1'",
    )
    const row = domainRow(name, rows[0]?.id ?? '', isVerified)
    const columns = Object.keys(row)
    const places = columns.map((_, at) => `$${at + 1}`)
    const sql = `insert into tenantry.domains (${columns}) values (${places})`
    await admin.query(sql, Object.values(row))
  })
  return name
}

async function addressOf(requestId: string): Promise<string> {
  const authorization = `Bearer ${(await signIn()).json.access_token}`
  const logs = await call('/api/audit-logs?limit=20', { authorization })
  const found = logs.json.items.find((it: { request_id: string }) => it.request_id === requestId)
  return found?.address
}
