import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createTenant } from '../../src/modules/tenants/tenants.ts'
import { startTestApp, type TestApp, type TestTenant } from '../../src/testing.ts'
import { app } from '../fixtures/app/app.ts'
import { domainRow } from '../fixtures/domain_row.ts'
import { expectProblem } from '../fixtures/problem.ts'
import { type RawReply, rawRequest, sendRaw } from './raw_socket.ts'

// There is a default tenant, so that a test notices a wrong fallback to it.
const suffix = randomBytes(4).toString('hex')
const fallback = `default-${suffix}`
let api: TestApp
let tenant: TestTenant
beforeAll(async () => {
  api = await startTestApp(app, { DEFAULT_DEV_TENANT: fallback })
  tenant = await api.makeTenant()
  await api.database.acrossTenants('test', (db) =>
    createTenant(db, {
      name: fallback,
      subdomain: fallback,
      code: `DEFAULT_${suffix.toUpperCase()}`,
    }),
  )
})
afterAll(() => api.close())

const tokenForm = 'username=unknown%40example.com&password=wrong'

/** Requests `/` with exactly these header lines. */
async function ask(...lines: string[]): Promise<RawReply | undefined> {
  const [reply] = await sendRaw(api.port, rawRequest('GET / HTTP/1.1', ...lines))
  return reply
}

/** Hosts separated by two spaces, because some contain one. */
const splitHosts = (hosts: string) => hosts.split('  ')

/** The tenant in whose audit log a sign-in at this host is recorded; undefined for none. */
async function tenantAt(host: string): Promise<string | undefined> {
  const email = `who-${randomBytes(6).toString('hex')}@example.com`
  const reply = await api.send(host, {
    method: 'POST',
    path: '/api/auth/login',
    body: { email, password: 'x' },
  })
  // A custom domain accepts no password; its tenant's log records that too.
  if (reply.status !== 401 && reply.json.code !== 'credentials.custom_domain') return undefined
  await api.running.settle()
  const rows = await api.database.acrossTenants('test', (db) =>
    db
      .selectFrom('tenantry.audit_logs as a')
      .innerJoin('tenantry.tenants as t', 't.id', 'a.tenant_id')
      .select('t.subdomain')
      .where('a.request_id', '=', reply.headers['x-request-id'] ?? '')
      .execute(),
  )
  return rows[0]?.subdomain
}

describe('a host that does not name exactly one tenant is rejected (TEN-1, TEN-3)', () => {
  const at = (host: string) => host.replaceAll('T', tenant.host)

  test.each([
    ...splitHosts(
      `T,T  T, b.app.test  T b.app.test  user@T  a:b@T  T@b.app.test  http://T  //T  T;b  T|  "T"`,
    ),
    ...splitHosts(
      `T#  T#b.app.test  T\\  T\\b.app.test  T/  T/..  T?  'T'  <T>  *.app.test  _.app.test  -T`,
    ),
    ...splitHosts(
      'T:  T:80:80  T:8o  T:65536  T:-80  T:+80  T: 80  T..  .T  a..T  a_b.T  xn--.app.test',
    ),
    ...splitHosts(
      't%2eapp.test  %54  T%00  T%0d%0a  T%20  ::1  [::1  [::1]]  [::g]  [::1%25lo]  [::1]T',
    ),
    ...['', ' ', 'b\u00fccher.app.test', 'T\u0085', 'T\u00a0', '\u00ef\u00bb\u00bfT'],
    ...[`${'a'.repeat(64)}.app.test`, `${'a.'.repeat(127)}app.test`, 'a'.repeat(8_000)],
  ])('Host: %j is malformed', async (host) => {
    expectProblem(await ask(`Host: ${at(host)}`), 400)
  })

  test.each([
    ...splitHosts(
      'app.test  b.app.test  x.T  www.T  T.evil.test  evilT  xapp.test  app.test.evil  apptest',
    ),
    ...splitHosts(
      '127.0.0.2  127.1  0x7f000001  2130706433  0177.0.0.1  0.0.0.0  10.0.0.1  169.254.169.254',
    ),
    ...splitHosts(
      '[::]  [::ffff:127.0.0.1]  [2001:db8::1]  localhost.localdomain  localhost.evil.test',
    ),
    ...splitHosts('xn--bcher-kva.app.test  a.b.localhost  com  metadata.google.internal'),
  ])('Host: %s belongs to no tenant', async (host) => {
    const reply = await ask(`Host: ${at(host)}`)
    expectProblem(reply, 404)
    expect(reply?.json.detail).toBe('Tenant not found')
  })

  test.each<[string, (own: string) => string[]]>([
    ['no Host header', () => []],
    ['an empty one', () => ['Host:']],
    ['two', (own) => [`Host: ${own}`, 'Host: b.app.test']],
    ['two equal ones', (own) => [`Host: ${own}`, `Host: ${own}`]],
    ['two in different case', (own) => [`HOST: ${own}`, 'hoST: b.app.test']],
    ['an empty second one', (own) => [`Host: ${own}`, 'Host:']],
    ['a folded one', (own) => [`Host: ${own}`, ' b.app.test']],
    ['a space before the colon', (own) => [`Host : ${own}`]],
    ['a second one behind a bare CR', (own) => [`Host: ${own}\rHost: b.app.test`]],
    ['a second one behind a bare LF', (own) => [`Host: ${own}\nHost: b.app.test`]],
    ['a NUL in it', (own) => [`Host: ${own}\0.evil.test`]],
  ])('Host headers: %s', async (_, lines) => {
    expectProblem(await ask(...lines(tenant.host)), 400)
  })

  test('a request line that contradicts Host is rejected, and one that agrees is served (TEN-3)', async () => {
    const line = async (line: string, ...headers: string[]) =>
      (await sendRaw(api.port, rawRequest(line, ...headers)))[0]
    const host = `Host: ${tenant.host}`
    for (const target of [
      'http://b.app.test/',
      'https://b.app.test/',
      'http://x@app.test/',
      'ws://b.app.test/',
    ]) {
      expectProblem(await line(`GET ${target} HTTP/1.1`, host), 400)
    }
    expectProblem(await line(`GET http://${tenant.host}/ HTTP/1.1`, 'Host: b.app.test'), 400)
    expectProblem(await line(`GET http://${tenant.host}/ HTTP/1.1`), 400)
    expectProblem(await line('GET / HTTP/1.0'), 400)
    expect((await line(`GET http://${tenant.host}/ HTTP/1.1`, host))?.status).toBe(200)
    expect((await line(`GET http://${tenant.host}? HTTP/1.1`, host))?.status).toBe(200)
    expect((await line('GET / HTTP/1.0', host))?.status).toBe(200)
    expect(await line(`CONNECT ${tenant.host}:80 HTTP/1.1`, host)).toBeUndefined()
  })

  test('costs the database one look-up at most (TEN-1)', async () => {
    const statementsOf = async (host: string) =>
      (await api.statementsOf(() => ask(`Host: ${host}`))).length
    // New names: an unknown host is cached too.
    for (const host of ['first.app.test', 'first.test']) {
      expect(await statementsOf(host), host).toBe(1)
      expect(await statementsOf(host), host).toBeLessThanOrEqual(1)
    }
    for (const host of ['app.test', 'x.b.app.test', '[::2]', 'a,b', 'a@b', '']) {
      expect(await statementsOf(host), host).toBe(0)
    }
  })

  test('reaches no route, whether the path exists or not', async () => {
    for (const path of ['/', '/api/auth/me', '/api/nothing', '/api/projects']) {
      const reply = await api.send('unknown.app.test', { path })
      expectProblem(reply, 404)
      expect(reply.json.detail).toBe('Tenant not found')
    }
    const login = await sendRaw(
      api.port,
      `${rawRequest('POST /api/auth/token HTTP/1.1', 'Host: unknown.app.test', 'Content-Type: application/x-www-form-urlencoded', `Content-Length: ${tokenForm.length}`)}${tokenForm}`,
    )
    expectProblem(login[0], 404)
  })
})

describe('the tenant of a host', () => {
  test.each([
    'localhost',
    'localhost:8000',
    'LOCALHOST',
    '127.0.0.1',
    '127.0.0.1:1',
    '[::1]',
    '[::1]:8000',
  ])('is the default tenant for %s', async (host) => {
    expect(await tenantAt(host)).toBe(fallback)
  })

  test('is found by its subdomain in any case, with any port, with or without a trailing dot (TEN-2)', async () => {
    const { host, subdomain } = tenant
    for (const same of [host, host.toUpperCase(), `${host}.`, `${host}:1`, `${host}.:65535`]) {
      expect(await tenantAt(same), same).toBe(subdomain)
    }
    expect(await tenantAt(`${subdomain}.localhost`)).toBe(subdomain)
  })

  test('is none for localhost in production', async () => {
    const { config, running } = await startedInProduction({})
    expect((await sendTo(running, 'localhost')).status).toBe(404)
    expect(config.production).toBe(true)
    await running.close()
  })

  test('is the default tenant in production with PROD_ENV=prod', async () => {
    const { running } = await startedInProduction({
      PROD_ENV: 'prod',
      DEFAULT_DEV_TENANT: fallback,
    })
    expect((await sendTo(running, 'localhost')).status).toBe(200)
    await running.close()
  })

  async function startedInProduction(settings: Record<string, string>) {
    const running = await startTestApp(app, {
      NODE_ENV: 'production',
      DEFAULT_DEV_TENANT: '',
      ...settings,
    })
    return { config: running.config, running }
  }

  const sendTo = (running: TestApp, host: string) => running.send(host, { path: '/' })
})

describe('a custom domain', () => {
  async function own(name: string, owner: TestTenant, verified = true) {
    await api.database.acrossTenants('test', (db) =>
      db
        .insertInto('tenantry.domains')
        .values(domainRow(name, owner.id, verified))
        .execute(),
    )
  }
  const fresh = (ending: string) => `d-${randomBytes(5).toString('hex')}${ending}`

  test('is matched exactly once it is verified, also with two labels', async () => {
    const owner = await api.makeTenant()
    const [two, three] = [fresh('.example'), fresh('.shop.example')]
    await own(two, owner)
    await own(three, owner)
    for (const host of [two, three, two.toUpperCase(), `${two}.`, `${two}:8443`]) {
      expect(await tenantAt(host), host).toBe(owner.subdomain)
    }
    for (const host of [
      `www.${two}`,
      `x${two}`,
      `${two}.evil.test`,
      two.replace('.example', ''),
      'example',
    ]) {
      expectProblem(await ask(`Host: ${host}`), 404)
    }
  })

  test('belongs to no tenant before it is verified', async () => {
    const name = fresh('.example')
    await own(name, await api.makeTenant(), false)
    expectProblem(await ask(`Host: ${name}`), 404)
  })

  test('never replaces a name under a base domain, nor localhost', async () => {
    const [owner, victim] = [await api.makeTenant(), await api.makeTenant()]
    const free = fresh('.app.test')
    for (const name of [victim.host, free, `x.${free}`, fresh('.x.localhost')]) {
      await own(name, owner)
      expect(await tenantAt(name), name).toBe(name === victim.host ? victim.subdomain : undefined)
    }
  })

  test('is rejected once its tenant is suspended or being deleted', async () => {
    const owner = await api.makeTenant()
    const name = fresh('.example')
    await own(name, owner)
    const setStatus = (status: 'suspended' | 'deleting') =>
      api.database.acrossTenants('test', (db) =>
        db.updateTable('tenantry.tenants').set({ status }).where('id', '=', owner.id).execute(),
      )
    await setStatus('suspended')
    expectProblem(await ask(`Host: ${name}`), 403)
    await setStatus('deleting')
    expectProblem(await ask(`Host: ${name}`), 404)
  })
})
