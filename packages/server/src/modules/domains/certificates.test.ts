import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { app } from '../../../test/fixtures/app/app.ts'
import { domainRow } from '../../../test/fixtures/domain_row.ts'
import { serveInternal } from '../../http/endpoints/internal_server.ts'
import type { SeparateListener } from '../../lib/net/separate_listener.ts'
import { send } from '../../testing/http_client.ts'
import { startTestApp, type TestApp, type TestTenant } from '../../testing.ts'
import { certificateRoutes } from './certificates.ts'

let api: TestApp
let internal: SeparateListener
let tenant: TestTenant
beforeAll(async () => {
  api = await startTestApp(app)
  internal = await serveInternal(certificateRoutes(api.database), { port: 0, host: '127.0.0.1' })
  tenant = await api.makeTenant()
})
afterAll(async () => {
  await internal.close()
  await api.close()
})

const ask = (path: string, method = 'GET') => send(internal.port, { path, method })
const tlsCheck = async (domain: string) =>
  (await ask(`/internal/tls-check?domain=${encodeURIComponent(domain)}`)).status

async function own({ id }: TestTenant, change: object = {}): Promise<string> {
  const name = `d-${randomBytes(5).toString('hex')}.example`
  await api.database.acrossTenants('test', (db) =>
    db
      .insertInto('tenantry.domains')
      .values({ ...domainRow(name, id), ...change })
      .execute(),
  )
  return name
}

const now = new Date()
const failing = { state: 'failing', failing_since: now }
const pending = { state: 'pending', verified_at: null, proof_seen_at: null }
const detached = { state: 'detached', detached_at: now }

test('the reverse proxy may get a certificate for a name that leads to a tenant, and for no other', async () => {
  for (const change of [{}, failing]) {
    const name = await own(tenant, change)
    expect([await tlsCheck(name), await tlsCheck(`${name.toUpperCase()}.`)]).toEqual([200, 200])
  }
  for (const change of [pending, detached]) {
    expect(await tlsCheck(await own(tenant, change))).toBe(404)
  }
  for (const name of ['unknown.example', tenant.host, 'app.test', 'localhost']) {
    expect(await tlsCheck(name), name).toBe(404)
  }
  for (const name of ['', 'a_b.example', 'a b', '%00', '[::1]']) {
    expect(await tlsCheck(name), name).toBe(400)
  }
})

test('a tenant that is being deleted gets no certificate', async () => {
  const deleting = await api.makeTenant()
  const name = await own(deleting)
  await api.database.acrossTenants('test', (db) =>
    db
      .updateTable('tenantry.tenants')
      .set({ status: 'deleting' })
      .where('id', '=', deleting.id)
      .execute(),
  )
  expect(await tlsCheck(name)).toBe(404)
})

test('Traefik gets a router for each name', async () => {
  const [served, unproven] = [await own(tenant), await own(tenant, pending)]
  const reply = await ask('/internal/traefik?service=app@docker&certresolver=domains')
  expect(reply.headers['content-type']).toBe('application/json')
  const routers = Object.values<{ rule: string }>(reply.json.http.routers)
  expect(routers).toContainEqual({
    rule: `Host(\`${served}\`)`,
    entryPoints: ['websecure'],
    service: 'app@docker',
    tls: { certResolver: 'domains' },
  })
  expect(JSON.stringify(routers)).not.toContain(unproven)
})

test('what is mistyped is refused, and nothing else is there', async () => {
  for (const query of ['', '?service=app@docker', '?service=a`b&certresolver=x']) {
    expect((await ask(`/internal/traefik${query}`)).status, query).toBe(400)
  }
  const others = ['/', '//', '/internal', '/api/auth/me', '/internal/tls-check/', '/constructor']
  for (const path of others) expect((await ask(path)).status, path).toBe(404)
  expect((await ask('/internal/tls-check', 'POST')).status).toBe(405)
})

test('a flood of unknown names gets no 200, and leaves sign-ins their connections', async () => {
  const user = await tenant.makeUser()
  const name = await own(tenant)
  const flood = Array.from({ length: 150 }, (_, at) => tlsCheck(`x${at}.example`))
  const { email, password } = user
  const signIn = tenant.send({ method: 'POST', path: '/api/auth/login', body: { email, password } })
  expect((await signIn).status).toBe(200)
  expect(await tlsCheck(name)).toBe(200)
  expect(new Set(await Promise.all(flood))).toEqual(new Set([404]))
})
