import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestApp, type TestApp, type TestTenant } from '../../src/testing.ts'
import { app } from '../fixtures/app/app.ts'
import { expectProblem } from '../fixtures/problem.ts'
import { rawRequest, sendRaw } from './raw_socket.ts'

// One of the two servers trusts the tests' own address as a proxy.
const trusting = { TRUST_PROXY: '127.0.0.1, 10.0.0.0/8' }
let direct: TestApp
let proxied: TestApp
beforeAll(async () => {
  ;[direct, proxied] = await Promise.all([startTestApp(app), startTestApp(app, trusting)])
})
afterAll(() => Promise.all([direct.close(), proxied.close()]))

/** Four failed sign-ins at a new server that allows three from an address. */
async function fourSignIns(
  settings: Record<string, string>,
  headersFor: (tenants: [TestTenant, TestTenant]) => Record<string, string>,
) {
  const SECRET_KEY = randomBytes(32).toString('base64')
  const api = await startTestApp(app, { SIGNIN_LIMIT_ADDRESS: '3', SECRET_KEY, ...settings })
  const tenants: [TestTenant, TestTenant] = [await api.makeTenant(), await api.makeTenant()]
  const results: Awaited<ReturnType<typeof failedSignIn>>[] = []
  for (let i = 0; i < 4; i++) {
    results.push(await failedSignIn(api, tenants[0].host, headersFor(tenants)))
  }
  await api.close()
  return { results, statuses: results.map((it) => it.status), own: tenants[0] }
}

// Canonical IPv6: no group begins with a zero.
const randomAddress = () => `2001:db8:${randomGroup()}:${randomGroup()}::1`
const randomGroup = () => `f${randomBytes(2).toString('hex').slice(1)}`

/** A failed sign-in, with the tenant and the address of its audit row. */
async function failedSignIn(api: TestApp, host: string, headers: Record<string, string> = {}) {
  const reply = await api.send(host, {
    method: 'POST',
    path: '/api/auth/login',
    headers,
    body: { email: `unknown-${randomBytes(5).toString('hex')}@example.com`, password: 'wrong' },
  })
  await api.running.settle()
  const rows = await api.database.acrossTenants('test', (db) =>
    db
      .selectFrom('tenantry.audit_logs as a')
      .innerJoin('tenantry.tenants as t', 't.id', 'a.tenant_id')
      .select(['t.subdomain', 'a.address'])
      .where('a.request_id', '=', reply.headers['x-request-id'] ?? '')
      .execute(),
  )
  return { status: reply.status, request: reply.headers['x-request-id'], ...rows[0] }
}

function allForwarded(host: string, address: string): Record<string, string> {
  return {
    'x-forwarded-host': host,
    'x-forwarded-for': address,
    'x-forwarded-proto': 'https',
    forwarded: `for="[${address}]";host=${host};proto=https`,
    'x-real-ip': address,
    'x-original-host': host,
    'x-host': host,
    'x-forwarded-server': host,
    'x-client-ip': address,
    'true-client-ip': address,
    'cf-connecting-ip': address,
    'x-original-url': '/api/nothing',
    'x-rewrite-url': '/api/nothing',
    'x-http-method-override': 'DELETE',
  }
}

describe('a client that is not a trusted proxy (TEN-4)', () => {
  test('cannot choose tenant or address: audit log and limit use the connection', async () => {
    // A new address each time: if the server believed it, the limit would never apply.
    const { results, statuses, own } = await fourSignIns({}, ([, other]) =>
      allForwarded(other.host, randomAddress()),
    )
    expect(results[0]).toMatchObject({ subdomain: own.subdomain, address: '127.0.0.1' })
    expect(statuses).toEqual([401, 401, 401, 429])
  })

  test('cannot set the request id', async () => {
    const tenant = await direct.makeTenant()
    const reply = await tenant.send({ path: '/', headers: { 'x-request-id': 'chosen-by-client' } })
    expect(reply.headers['x-request-id']).not.toBe('chosen-by-client')
  })

  test('does not become one by its own headers', async () => {
    const tenant = await proxied.makeTenant()
    const other = await proxied.makeTenant()
    // The trusted proxy vouches for 203.0.113.9 only, whatever that client claims about 10.0.0.1.
    const headers = { 'x-forwarded-for': '10.0.0.1, 203.0.113.9', 'x-forwarded-host': tenant.host }
    expect(await failedSignIn(proxied, other.host, headers)).toMatchObject({
      status: 401,
      subdomain: tenant.subdomain,
      address: '203.0.113.9',
    })
  })
})

describe('a trusted proxy (TEN-4)', () => {
  test('determines the host, the address and the request id', async () => {
    const tenant = await proxied.makeTenant()
    const address = randomAddress()
    const id = `edge-${randomBytes(8).toString('hex')}`
    const headers = { ...allForwarded(tenant.host, address), 'x-request-id': id }
    const { subdomain } = tenant
    expect(await failedSignIn(proxied, 'internal:8000', headers)).toEqual({
      status: 401,
      request: id,
      subdomain,
      address,
    })
  })

  test('is skipped by limits, which count the nearest hop that is not a proxy', async () => {
    const client = randomAddress()
    const same = await fourSignIns(trusting, () => ({
      'x-forwarded-for': `${randomAddress()}, ${client}, 10.1.2.3`,
    }))
    expect(same.statuses).toEqual([401, 401, 401, 429])
    const others = await fourSignIns(trusting, () => ({ 'x-forwarded-for': randomAddress() }))
    expect(others.statuses).toEqual([401, 401, 401, 401])
  })

  test.each<[string, (own: string) => string[]]>([
    ['two hosts', (own) => [`X-Forwarded-Host: ${own}`, 'X-Forwarded-Host: b.app.test']],
    ['a list of hosts', (own) => [`X-Forwarded-Host: ${own}, b.app.test`]],
    ['an empty host', () => ['X-Forwarded-Host:']],
    ['a malformed host', (own) => [`X-Forwarded-Host: x@${own}`]],
    ['hosts that contradict', (own) => [`X-Forwarded-Host: ${own}`, 'Forwarded: host=b.app.test']],
    ['a hop with two hosts', (own) => [`Forwarded: host=${own};host=b.app.test`]],
    ['a good host, but two of Host', (own) => [`X-Forwarded-Host: ${own}`, 'Host: b.app.test']],
  ])('that sends %s is rejected', async (_, lines) => {
    const tenant = await proxied.makeTenant()
    const request = rawRequest('GET / HTTP/1.1', `Host: ${tenant.host}`, ...lines(tenant.host))
    expectProblem((await sendRaw(proxied.port, request))[0], 400)
  })

  test.each<[string, (own: string) => string[]]>([
    ['a list', (own) => [`X-Forwarded-Host: ${own}, ${own}`]],
    ['two lines', (own) => [`X-Forwarded-Host: ${own}`, `X-Forwarded-Host: ${own}:443`]],
    ['two headers', (own) => [`X-Forwarded-Host: ${own.toUpperCase()}`, `Forwarded: host=${own}`]],
    ['a quoted list', (own) => [`Forwarded: by="b.app.test;host=b.app.test, x";host="${own}:80"`]],
  ])('may name one host twice, in %s', async (_, lines) => {
    const tenant = await proxied.makeTenant()
    const request = rawRequest('GET / HTTP/1.1', 'Host: internal', ...lines(tenant.host))
    expect((await sendRaw(proxied.port, request))[0]?.status).toBe(200)
  })

  test.each([
    'short',
    'x'.repeat(65),
    'has space in it',
    'new\u0085line12',
    '<script>alert</script>',
  ])('cannot set the malformed x-request-id %j', async (id) => {
    const tenant = await proxied.makeTenant()
    const reply = await tenant.send({ path: '/', headers: { 'x-request-id': id } })
    expect(reply.status).toBe(200)
    expect(reply.headers['x-request-id']).not.toBe(id)
  })
})

describe('a link in a mail has the stored origin (TEN-7)', () => {
  async function resetLink(api: TestApp, tenant: TestTenant, headers: Record<string, string>) {
    const { email } = await tenant.makeUser()
    const reply = await tenant.send({
      method: 'POST',
      path: '/api/auth/forgot-password',
      headers,
      body: { email },
    })
    expect(reply.status).toBe(200)
    const [mail] = await api.mailsTo(email)
    expect(mail?.text).not.toContain('evil')
    expect(mail?.html).not.toContain('evil')
    return /https?:\S+/.exec(mail?.text ?? '')?.[0]
  }

  test('for a request with forwarding headers from an untrusted client', async () => {
    const tenant = await direct.makeTenant()
    const headers = { ...allForwarded('evil.test', randomAddress()), origin: 'https://evil.test' }
    expect(await resetLink(direct, tenant, headers)).toMatch(
      new RegExp(`^https://${tenant.host}/auth/reset-password#token=`),
    )
  })

  test('for a Host with a port, another case and a trailing dot', async () => {
    const tenant = await direct.makeTenant()
    const host = `${tenant.host.toUpperCase()}.:666`
    expect(await resetLink(direct, tenant, { host })).toMatch(
      new RegExp(`^https://${tenant.host}/auth/reset-password#`),
    )
  })

  test('for a request through a trusted proxy', async () => {
    const tenant = await proxied.makeTenant()
    const headers = {
      'x-forwarded-for': randomAddress(),
      'x-forwarded-host': `${tenant.host}:666`,
      'x-forwarded-proto': 'evil',
      'x-forwarded-port': '666',
      'x-forwarded-prefix': '/evil',
    }
    expect(await resetLink(proxied, tenant, headers)).toMatch(
      new RegExp(`^https://${tenant.host}/auth/reset-password#`),
    )
  })

  test('and a Location header is a path without a host', async () => {
    const tenant = await direct.makeTenant()
    const user = await tenant.makeUser({ roles: ['admin_tenant'] })
    const reply = await tenant.send({
      method: 'POST',
      path: `http://${tenant.host}/api/projects`,
      user,
      headers: allForwarded('evil.test', randomAddress()),
      body: { name: 'Somewhere' },
    })
    expect(reply.headers['location']).toBe(`/api/projects/${reply.json.id}`)
  })
})

describe('the id of a request', () => {
  const idAt = async ({ api, id }: { api: TestApp; id: string }) => {
    const { host } = await api.makeTenant()
    const reply = await api.send(host, { path: '/', headers: { 'x-request-id': id } })
    return reply.headers['x-request-id']
  }

  test('is the one that a trusted proxy gives, and no other client', async () => {
    expect(await idAt({ api: proxied, id: 'edge-4711_a' })).toBe('edge-4711_a')
    expect(await idAt({ api: direct, id: 'edge-4711_a' })).toMatch(/^[\da-f-]{36}$/)
  })

  test('is none that could forge a line of the log (AUD-2)', async () => {
    const before = proxied.logLines.length
    const hostile = [
      'short',
      'x'.repeat(65),
      'a b c d e f',
      '"},{"level":60,"x":"',
      'caf\u00e9-caf\u00e9',
      '12345678;',
    ]
    for (const id of hostile) {
      expect(await idAt({ api: proxied, id }), id).toMatch(/^[\da-f-]{36}$/)
    }
    const lines = proxied.logLines.slice(before)
    expect(lines.length).toBeGreaterThanOrEqual(hostile.length)
    for (const line of lines) expect(() => JSON.parse(line)).not.toThrow()
  })
})
