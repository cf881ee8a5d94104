import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestApp, type TestApp, type TestReply, type TestTenant } from '../../src/testing.ts'
import { app } from '../fixtures/app/app.ts'
import { asRole } from '../fixtures/databases.ts'
import { insertDomain } from '../fixtures/domain_row.ts'
import { tokenAt } from '../fixtures/token_at.ts'
import { createScene, manualChanges, runManually, type Scene, untilRejected } from './scene.ts'

// Two servers on one database: each must reject what the other, or a psql session, has revoked.
let here: TestApp
let there: TestApp
beforeAll(async () => {
  const settings = { SIGNIN_LIMIT_ACCOUNT: '1000', SECRET_KEY: 'k'.repeat(48) }
  ;[here, there] = [await startTestApp(app, settings), await startTestApp(app, settings)]
})
afterAll(async () => {
  await here.close()
  await there.close()
})

function ask(node: TestApp, { tenant, user }: Pick<Scene, 'tenant' | 'user'>, host = tenant.host) {
  const authorization = `Bearer ${tokenAt(node, user, host)}`
  return node.send(host, { path: '/api/tenant/tenant-data', headers: { host, authorization } })
}

/** Fills the caches of both servers, and waits for a hit. */
async function fillCaches(scene: Scene, host = scene.tenant.host): Promise<void> {
  for (const node of [here, there]) {
    expect((await ask(node, scene, host)).status).toBe(200)
    const hits = () => node.running.caches.sessions.counts.hits
    const before = hits()
    await expect
      .poll(async () => {
        expect((await ask(node, scene, host)).status).toBe(200)
        return hits()
      })
      .toBeGreaterThan(before)
  }
}

describe('a change by hand', () => {
  const ways = manualChanges.flatMap((it) => [
    { ...it, replica: false },
    { ...it, replica: true },
  ])
  test.each(ways)(
    'to $what is in force on every server (session_replication_role = replica: $replica) (SESS-6, TEN-9)',
    async ({ sql, status, replica }) => {
      const scene = await createScene(await here.makeTenant())
      await fillCaches(scene)
      await runManually(sql, scene.tenant.id, replica)
      const committedAt = performance.now()
      for (const node of [here, there]) {
        const rejection = await untilRejected(() => ask(node, scene), committedAt)
        expect(rejection.status).toBe(status)
      }
    },
  )

  test('to more rows than are invalidated one by one is in force', async () => {
    const scene = await createScene(await here.makeTenant())
    const add = `with u as (
        insert into tenantry.users (id, email, email_key)
        select gen_random_uuid(), k, k from (
          select gen_random_uuid() || '@example.com' as k from generate_series(1, 150)) keys
        returning id)
      insert into tenantry.members (tenant_id, user_id) select $1, id from u`
    await runManually(add, scene.tenant.id)
    await fillCaches(scene)
    const elsewhere = await createScene(await here.makeTenant())
    await fillCaches(elsewhere)
    await runManually(
      'update tenantry.members set is_active = false where tenant_id = $1',
      scene.tenant.id,
    )
    const committedAt = performance.now()
    expect((await untilRejected(() => ask(there, scene), committedAt)).status).toBe(401)
    expect((await ask(there, elsewhere)).status).toBe(200)
  })
})

describe('a change by the API', () => {
  type Action = (scene: Scene, send: TestTenant['send']) => Promise<TestReply>
  const path = ({ user }: Scene) => `/api/members/${user.id}`
  const actions: Record<string, Action> = {
    'roles of a member': (scene, send) =>
      send({ method: 'PATCH', path: path(scene), body: { roles: [] } }),
    'permissions of a role': ({ roleId }, send) =>
      send({
        method: 'PATCH',
        path: `/api/roles/${roleId}`,
        body: { permissions: ['roles:read'] },
      }),
    'a membership, suspended': (scene, send) =>
      send({ method: 'PATCH', path: path(scene), body: { is_active: false } }),
    'a membership, removed': (scene, send) => send({ method: 'DELETE', path: path(scene) }),
    'all sessions of a member': (scene, send) =>
      send({ method: 'DELETE', path: `${path(scene)}/sessions` }),
    'a session, by logging out': ({ tenant, user }) =>
      tenant.send({
        method: 'POST',
        path: '/api/auth/logout',
        body: { refresh_token: user.refreshToken },
      }),
  }

  test.each(Object.entries(actions))(
    'to %s is in force on the other server, and on this one from its reply on (SESS-6, AUTHZ-6)',
    async (_, act) => {
      const scene = await createScene(await here.makeTenant())
      const { tenant } = scene
      const admin = await tenant.makeUser({ roles: ['admin_tenant'] })
      await fillCaches(scene)
      const done = await act(scene, (request) => tenant.send({ ...request, user: admin }))
      const committedAt = performance.now()
      expect(done.status).toBeLessThan(300)
      expect([401, 403]).toContain((await ask(here, scene)).status)
      expect([401, 403]).toContain(
        (await untilRejected(() => ask(there, scene), committedAt)).status,
      )
    },
  )
})

describe('a host', () => {
  const domainOf = (tenant: TestTenant) => `${tenant.subdomain}.example.org`
  const addDomain = (tenant: TestTenant) =>
    asRole('platform', (client) => client.query(insertDomain, [domainOf(tenant), tenant.id]))

  test('resolves to the new tenant on every server once its domain has moved (TEN-9)', async () => {
    const [from, to] = [
      await createScene(await here.makeTenant()),
      await createScene(await here.makeTenant()),
    ]
    await addDomain(from.tenant)
    const host = domainOf(from.tenant)
    await fillCaches(from, host)
    await asRole('platform', (client) =>
      client.query('update tenantry.domains set tenant_id = $1 where name = $2', [
        to.tenant.id,
        host,
      ]),
    )
    const committedAt = performance.now()
    for (const node of [here, there]) {
      expect((await untilRejected(() => ask(node, from, host), committedAt)).status).toBe(401)
      expect((await ask(node, to, host)).status).toBe(200)
    }
  })

  test('leads nowhere on every server once its domain is detached, and back once it is verified (TEN-9)', async () => {
    const scene = await createScene(await here.makeTenant())
    await addDomain(scene.tenant)
    const host = domainOf(scene.tenant)
    await fillCaches(scene, host)
    const move = (change: string) =>
      asRole('platform', (client) =>
        client.query(`update tenantry.domains set ${change} where name = $1`, [host]),
      )
    await move("state = 'detached', detached_at = now()")
    const committedAt = performance.now()
    for (const node of [here, there]) {
      expect((await untilRejected(() => ask(node, scene, host), committedAt)).status).toBe(404)
    }
    await move("state = 'verified', detached_at = null")
    for (const node of [here, there]) {
      await expect.poll(async () => (await ask(node, scene, host)).status).toBe(200)
    }
  })

  test('that was unknown is served as soon as a tenant has it (TEN-9)', async () => {
    const scene = await createScene(await here.makeTenant())
    const host = domainOf(scene.tenant)
    for (const node of [here, there]) expect((await ask(node, scene, host)).status).toBe(404)
    await addDomain(scene.tenant)
    for (const node of [here, there]) {
      await expect.poll(async () => (await ask(node, scene, host)).status).toBe(200)
    }
  })
})

describe('no invalidation is sent', () => {
  const invalidated = async (work: () => Promise<unknown>, ids: string[]) => {
    await here.listener.sync()
    const { position } = there.listener.log
    await work()
    // `sync` waits for a later heartbeat: an invalidation would have arrived before it.
    await there.listener.sync()
    return there.listener.log.changedSince(position, ids)
  }

  test('by a sign-in or a refresh: NOTIFY takes a lock of the whole cluster', async () => {
    const tenant = await here.makeTenant()
    const { id, email, password, refreshToken } = await tenant.makeUser()
    const sessions = async () => {
      const { rows } = await asRole('platform', (client) =>
        client.query('select id from tenantry.sessions where user_id = $1', [id]),
      )
      return rows.map((it): string => it.id)
    }
    const ids = [id, tenant.id]
    const post = (path: string, body: unknown) => tenant.send({ method: 'POST', path, body })
    const work = async () => {
      await post('/api/auth/login', { email, password })
      await post('/api/auth/refresh', { refresh_token: refreshToken })
      ids.push(...(await sessions()))
    }
    expect(await invalidated(work, ids)).toBe(false)
  })
})
