import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { databaseOf, withDatabase } from '../../src/db/connect/dsn.ts'
import { withClient } from '../../src/db/connect/with_client.ts'
import { startEmbedded } from '../../src/db/embedded/embedded.ts'
import {
  openTemporaryDatabase,
  type TemporaryDatabase,
} from '../../src/db/provisioning/temporary_database.ts'
import { startTestApp, type TestApp } from '../../src/testing.ts'
import { app } from '../fixtures/app/app.ts'
import { appMigrations } from '../fixtures/databases.ts'
import { createScene, type Scene } from './scene.ts'

// A separate PostgreSQL, because the NOTIFY queue belongs to the whole server. It holds half a megabyte,
// the minimum, instead of 8 GB.
const dataDir = mkdtempSync(join(tmpdir(), 'tenantry-full-queue-'))
let stopServer = async () => {}
let database: TemporaryDatabase
beforeAll(async () => {
  const first = await startEmbedded({ dataDir })
  await withClient(first.adminUrl, (it) => it.query('alter system set max_notify_queue_pages = 64'))
  await first.stop()
  const { adminUrl, stop } = await startEmbedded({ dataDir })
  stopServer = stop
  database = await openTemporaryDatabase(appMigrations, adminUrl)
}, 120_000)
afterAll(async () => {
  await stopServer()
  rmSync(dataDir, { recursive: true, force: true })
})

const admin = () => withDatabase(database.urls.admin, databaseOf(database.urls.owner))

/** Blocks the queue: a listener in an open transaction never reads its notifications. */
async function blockQueue(): Promise<{ end(): Promise<void> }> {
  const blocker = new pg.Client(admin())
  await blocker.connect()
  await blocker.query('listen something')
  await blocker.query('begin; select 1')
  return { end: () => blocker.end() }
}

async function fillQueue(): Promise<void> {
  await withClient(admin(), async (client) => {
    const notify = "select pg_notify('noise', repeat('x', $1))"
    for (const size of [7_900, 1]) {
      while (
        await client.query(notify, [size]).then(
          () => true,
          () => false,
        )
      );
    }
  })
}

async function startNode(): Promise<TestApp> {
  const { app: url, identity, platform } = database.urls
  const api = await startTestApp(app, {
    DB_URL: url,
    DB_IDENTITY_URL: identity,
    DB_PLATFORM_URL: platform,
    DB_LISTEN_URL: url,
  })
  onTestFinished(api.close)
  return api
}

const ask = ({ tenant, user }: Scene) => tenant.send({ path: '/api/tenant/tenant-data', user })

test('with the queue full no invalidation can be sent, so a revocation is a 503 and is not made (SESS-7)', async () => {
  const node = await startNode()
  const scene = await createScene(await node.makeTenant())
  const { tenant, user } = scene
  const admin = await tenant.makeUser({ roles: ['admin_tenant'] })
  const remove = () =>
    tenant.send({ method: 'DELETE', path: `/api/members/${user.id}`, user: admin })
  const logOut = () =>
    tenant.send({
      method: 'POST',
      path: '/api/auth/logout',
      body: { refresh_token: user.refreshToken },
    })
  expect((await ask(scene)).status).toBe(200)

  const blocker = await blockQueue()
  await expect.poll(() => node.listener.isFresh()).toBe(true)
  await fillQueue()
  await expect.poll(() => node.listener.isFresh(), { timeout: 20_000 }).toBe(false)
  for (const reply of [await remove(), await logOut()]) {
    expect([reply.status, reply.headers['retry-after']]).toEqual([503, '1'])
  }
  // Reads bypass the cache; writes that send no invalidation succeed.
  expect((await ask(scene)).status).toBe(200)
  const ready = await node.send('localhost', { path: '/health/ready' })
  expect([ready.status, ready.json.invalidation]).toEqual([200, 'stale'])
  const { email, password } = user
  const signedIn = await tenant.send({
    method: 'POST',
    path: '/api/auth/login',
    body: { email, password },
  })
  const project = await tenant.send({
    method: 'POST',
    path: '/api/projects',
    body: { name: 'written' },
    user: admin,
  })
  expect([signedIn.status, project.status]).toEqual([200, 201])

  await blocker.end()
  await expect.poll(() => node.listener.isFresh(), { timeout: 20_000 }).toBe(true)
  expect((await remove()).status).toBe(204)
  expect((await ask(scene)).status).toBe(401)
})

test('while the queue is full no request is served with a revoked session (SESS-6)', async () => {
  const node = await startNode()
  const scene = await createScene(await node.makeTenant())
  expect((await ask(scene)).status).toBe(200)
  const blocker = await blockQueue()
  await fillQueue()
  await expect.poll(() => node.listener.isFresh(), { timeout: 20_000 }).toBe(false)
  await revokeWithoutTrigger(scene)
  expect((await ask(scene)).status).toBe(401)
  await blocker.end()
})

// Without the trigger the revocation does not need the queue, and only the table shows it.
async function revokeWithoutTrigger({ tenant }: Scene): Promise<void> {
  await withClient(admin(), async (client) => {
    await client.query('begin; alter table tenantry.sessions disable trigger invalidate_update')
    await client.query('update tenantry.sessions set revoked_at = now() where tenant_id = $1', [
      tenant.id,
    ])
    await client.query('alter table tenantry.sessions enable always trigger invalidate_update')
    await client.query('commit')
  })
}
