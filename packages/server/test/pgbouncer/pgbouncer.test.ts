import { expect, inject, onTestFinished, test } from 'vitest'
import { isPooled } from '../../src/db/provisioning/probe.ts'
import { startTestApp, type TestApp } from '../../src/testing.ts'
import { app } from '../fixtures/app/app.ts'
import { sharedDatabase } from '../fixtures/databases.ts'
import { createScene, runManually, type Scene } from '../revocation/scene.ts'
import { type PgBouncer, startPgBouncer } from './start.ts'

/** Starts a server whose queries, and with `pooledListener` its listener too, go through its own PgBouncer. */
async function startBehind({ pooledListener = false, settings = {} }: Behind = {}) {
  const { app: url, identity, platform } = sharedDatabase()
  const pooler = await startPgBouncer({
    program: inject('pgbouncer'),
    users: [url, identity, platform],
    poolSize: inject('poolSize'),
  })
  const api = await startTestApp(app, {
    DB_URL: pooler.through(url),
    DB_IDENTITY_URL: pooler.through(identity),
    DB_PLATFORM_URL: pooler.through(platform),
    DB_LISTEN_URL: pooledListener ? pooler.through(url) : url,
    ...settings,
  })
  onTestFinished(async () => {
    await api.close()
    await pooler.stop()
  })
  return { pooler, api, scene: await createScene(await api.makeTenant()) }
}

interface Behind {
  pooledListener?: boolean
  settings?: Record<string, string>
}

test('PgBouncer is recognised as a pooler, and the server behind it is not', async () => {
  const { pooler } = await startBehind()
  const { app: url } = sharedDatabase()
  expect(await isPooled(pooler.through(url), 'DB_URL')).toBe(true)
  expect(await isPooled(url, 'DB_URL')).toBe(false)
})

const ask = ({ tenant, user }: Scene, path = '/api/tenant/tenant-data') =>
  tenant.send({ path, user })

test('POOL-3 with LISTEN through PgBouncer nothing is cached, and a revoked session is rejected immediately', async () => {
  const { api, scene } = await startBehind({ pooledListener: true })
  for (let times = 0; times < 3; times++) expect((await ask(scene)).status).toBe(200)
  expect(api.listener.isFresh()).toBe(false)
  const { sessions, tenants } = api.running.caches
  expect([sessions.size, tenants.size]).toEqual([0, 0])
  const ready = await api.send('localhost', { path: '/health/ready' })
  expect([ready.status, ready.json.invalidation]).toEqual([200, 'stale'])
  await runManually(
    'update tenantry.sessions set revoked_at = now() where tenant_id = $1',
    scene.tenant.id,
  )
  expect((await ask(scene)).status).toBe(401)
  expect(api.logLines.join()).toContain('DB_LISTEN_URL does not receive')
})

/** While the pooler does not reply, requests that need the database fail and others do not. */
async function expectUnavailable(api: TestApp, scene: Scene): Promise<void> {
  const unknownHost = await api.send(`x-${scene.tenant.host}`, { path: '/' })
  const { email, password } = scene.user
  const signIn = { method: 'POST', path: '/api/auth/login', body: { email, password } }
  for (const reply of [unknownHost, await scene.tenant.send(signIn)]) {
    expect([reply.status, reply.headers['retry-after']]).toEqual([503, '1'])
  }
  // The listener has a direct connection: the cache stays valid.
  expect((await ask(scene)).status).toBe(200)
}

const outages: Record<string, [(pooler: PgBouncer) => unknown, (pooler: PgBouncer) => unknown]> = {
  'is killed and started again': [(it) => it.kill(), (it) => it.start()],
  'is paused and resumed': [(it) => it.pause(), (it) => it.resume()],
}

test.each(Object.entries(outages))(
  'while PgBouncer %s requests are a 503, and they succeed again afterwards',
  async (_, [fail, recover]) => {
    const { pooler, api, scene } = await startBehind({ settings: { REQUEST_WAIT_MS: '1000' } })
    const admin = await scene.tenant.makeUser({ roles: ['admin_tenant'] })
    const members = async () =>
      (await scene.tenant.send({ path: '/api/members', user: admin })).status
    expect([await members(), (await ask(scene)).status]).toEqual([200, 200])
    await fail(pooler)
    await expect.poll(members, { timeout: 10_000 }).toBe(503)
    await expectUnavailable(api, scene)
    await recover(pooler)
    await expect.poll(members, { timeout: 20_000 }).toBe(200)
    await expect.poll(async () => (await ask(scene)).status, { timeout: 20_000 }).toBe(200)
  },
)
