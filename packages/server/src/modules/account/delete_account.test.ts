import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { app } from '../../../test/fixtures/app/app.ts'
import { asRole } from '../../../test/fixtures/databases.ts'
import { isGlobalScope } from '../../../test/fixtures/identity_scope.ts'
import { backgroundScope } from '../../db/tenancy.ts'
import { startTestApp, type TestApp, type TestTenant, type TestUser } from '../../testing.ts'
import { enableUser } from '../users/end_user.ts'

let api: TestApp
beforeAll(async () => {
  api = await startTestApp(app, { ACCOUNT_DELETE_DAYS: '10' })
})
afterAll(() => api.close())

const owner = { roles: ['admin_tenant'] }

const remove = (tenant: TestTenant, user: TestUser, current_password = user.password) =>
  tenant.send({ method: 'DELETE', path: '/api/account', user, body: { current_password } })

const signIn = (tenant: TestTenant, { email, password }: TestUser) =>
  tenant.send({ method: 'POST', path: '/api/auth/login', body: { email, password } })

const me = async (tenant: TestTenant, user: TestUser) =>
  (await tenant.send({ path: '/api/auth/me', user })).status

function actsOn(tenant: TestTenant, userId: string) {
  return api.database.inTenant(backgroundScope(tenant.id), (db) =>
    db
      .selectFrom('tenantry.audit_logs')
      .select(['action', 'actor_id'])
      .where('entity_id', '=', userId)
      .where('action', 'in', ['account.delete', 'users.delete_request', 'users.delete'])
      .orderBy('id')
      .execute(),
  )
}

const platform = <Row>(text: string, values: unknown[]) =>
  asRole('platform', async (it) => (await it.query(text, values)).rows as Row[])

const rowOf = (id: string) =>
  platform<{ is_active: boolean; days: number }>(
    `select is_active, round(extract(epoch from erase_at - now()) / 86400)::int as days
     from tenantry.users where id = $1`,
    [id],
  )

const membershipsOf = (id: string) =>
  platform('select tenant_id from tenantry.members where user_id = $1', [id])

const erasureOf = (id: string) =>
  platform<{ tenant_id: string; state: string }>(
    `select tenant_id, state from tenantry.jobs
     where kind = 'users.erase' and payload ->> 'user_id' = $1 order by tenant_id`,
    [id],
  )

/** Lets the days pass: for the user, and for the jobs of these tenants. */
async function letTimePass(id: string, tenants: readonly TestTenant[]): Promise<void> {
  await platform('update tenantry.users set erase_at = now() where id = $1', [id])
  await platform(
    `update tenantry.jobs set state = 'ready', run_at = now()
     where tenant_id = any ($1) and kind = 'users.erase' and payload ->> 'user_id' = $2`,
    [tenants.map((it) => it.id), id],
  )
  api.running.worker?.notify()
  await api.running.worker?.idle()
}

async function makePerson() {
  const [tenant, other] = [await api.makeTenant({ name: 'Acme' }), await api.makeTenant()]
  await other.makeUser(owner)
  const user = await tenant.makeUser({ roles: ['operator'] })
  const there = await other.makeUser({ email: user.email, password: user.password, ...owner })
  return { tenant, other, user, there }
}

describe('deleting the own account', () => {
  test.runIf(isGlobalScope())(
    'ends every session and way in at once, and erases the person after some days',
    async () => {
      const { tenant, other, user, there } = await makePerson()
      const preview = await tenant.send({ path: '/api/account/deletion', user })
      expect([preview.status, preview.json]).toEqual([
        200,
        { tenants: 2, owned_alone: 0, days: 10 },
      ])
      const reply = await remove(tenant, user)
      expect(reply.status, reply.text).toBe(202)
      expect([await me(tenant, user), await me(other, there)]).toEqual([401, 401])
      expect([(await signIn(tenant, user)).status, (await signIn(other, user)).status]).toEqual([
        401, 401,
      ])
      expect(await rowOf(user.id)).toEqual([{ is_active: false, days: 10 }])
      const [mail] = await api.mailsTo(user.email)
      expect(mail?.subject).toBe('Your account at “Acme” was deleted')
      expect(mail?.text).toMatch(/erased on [^.]*20\d\d/)
      expect(await erasureOf(user.id)).toHaveLength(2)

      await letTimePass(user.id, [tenant, other])
      expect(await rowOf(user.id)).toEqual([])
      expect(await membershipsOf(user.id)).toEqual([])
      expect(await erasureOf(user.id)).toEqual([])
      const own = { action: 'users.delete_request', actor_id: null }
      const asked = { action: 'account.delete', actor_id: user.id }
      const erased = { action: 'users.delete', actor_id: null }
      expect(await actsOn(tenant, user.id)).toEqual([own, asked, erased])
      expect(await actsOn(other, user.id)).toEqual([own, erased])
      // Nothing of the person is left that names them, and the address is free.
      const again = await tenant.makeUser({ email: user.email })
      expect(again.id).not.toBe(user.id)
    },
  )

  test('needs the current password', async () => {
    const { tenant, user } = await makePerson()
    const reply = await remove(tenant, user, 'not the password')
    expect([reply.status, reply.json.errors[0].pointer]).toEqual([422, '/current_password'])
    expect(await me(tenant, user)).toBe(200)
    expect(await erasureOf(user.id)).toEqual([])
  })

  test.runIf(isGlobalScope())(
    'is rejected for the last owner of any tenant, which it names, and changes nothing',
    async () => {
      const { tenant, other, user, there } = await makePerson()
      const alone = await api.makeTenant()
      await alone.makeUser({ email: user.email, password: user.password, ...owner })
      const preview = await tenant.send({ path: '/api/account/deletion', user })
      expect(preview.json).toMatchObject({ tenants: 3, owned_alone: 1 })
      const reply = await remove(tenant, user)
      expect([reply.status, reply.json.code]).toEqual([409, 'member.last_owner'])
      expect(reply.json.detail).toContain(alone.subdomain)
      expect(reply.json.detail).not.toContain(other.subdomain)
      expect([await me(tenant, user), await me(other, there)]).toEqual([200, 200])
      const heir = await alone.makeUser(owner)
      expect((await remove(tenant, user)).status).toBe(202)
      expect((await remove(alone, heir)).status).toBe(409)
    },
  )

  test.runIf(isGlobalScope())(
    'leaves one owner of two who delete their accounts at the same time, each time (AUTHZ-3)',
    async () => {
      for (let round = 0; round < 5; round++) {
        // They meet in the second tenant; each asks in one of their own.
        const shared = await api.makeTenant()
        const people = await Promise.all(
          [1, 2].map(async () => {
            const tenant = await api.makeTenant()
            await tenant.makeUser(owner)
            const user = await tenant.makeUser()
            await shared.makeUser({ email: user.email, password: user.password, ...owner })
            return { tenant, user }
          }),
        )
        const replies = await Promise.all(people.map((it) => remove(it.tenant, it.user)))
        expect(replies.map((it) => it.status).sort()).toEqual([202, 409])
      }
    },
  )

  test.runIf(isGlobalScope())(
    'is withdrawn when a platform admin enables the person, who can delete it again',
    async () => {
      const { tenant, other, user } = await makePerson()
      await remove(tenant, user)
      await api.database.acrossTenants('test', (db) => enableUser(db, user.id))
      expect(await rowOf(user.id)).toEqual([{ is_active: true, days: null }])
      const [session] = [await signIn(tenant, user)]
      expect(session.status).toBe(200)
      // The jobs of the first request find nothing to erase, also after the second.
      const back = { ...user, accessToken: session.json.access_token }
      expect((await remove(tenant, back)).status).toBe(202)
      expect(await erasureOf(user.id)).toHaveLength(4)
      await platform(
        `update tenantry.jobs set state = 'ready', run_at = now()
       where tenant_id = $1 and kind = 'users.erase'`,
        [tenant.id],
      )
      api.running.worker?.notify()
      await api.running.worker?.idle()
      expect(await rowOf(user.id)).toEqual([{ is_active: false, days: 10 }])
      await letTimePass(user.id, [other])
      expect(await rowOf(user.id)).toEqual([])
    },
  )

  test('happens though each tenant of the person is suspended', async () => {
    const tenant = await api.makeTenant()
    await tenant.makeUser({ roles: ['admin_tenant'] })
    const user = await tenant.makeUser()
    expect((await remove(tenant, user)).status).toBe(202)
    await platform("update tenantry.tenants set status = 'suspended' where id = $1", [tenant.id])
    await letTimePass(user.id, [tenant])
    expect(await rowOf(user.id)).toEqual([])
    await expect.poll(() => erasureOf(user.id)).toEqual([])
  })

  test.runIf(isGlobalScope())(
    'is repeated safely by a job whose worker died between the erasure and its end',
    async () => {
      const { tenant, user } = await makePerson()
      await remove(tenant, user)
      await platform('update tenantry.users set erase_at = now() where id = $1', [user.id])
      // What the first run committed before its worker was killed; the row of its job is still there.
      const erased = await asRole('identity', (it) =>
        it.query('select tenantry.erase_person($1) as done', [user.id]),
      )
      expect(erased.rows).toEqual([{ done: true }])
      await letTimePass(user.id, [tenant])
      expect((await erasureOf(user.id)).map((it) => it.tenant_id)).not.toContain(tenant.id)
      expect(
        (await actsOn(tenant, user.id)).filter((it) => it.action === 'users.delete'),
      ).toHaveLength(1)
    },
  )
})

describe('the identity role', () => {
  const identity = (text: string, values: unknown[]) =>
    asRole('identity', (it) => it.query(text, values)).then(
      ({ rowCount, rows }) => ({ rowCount, rows }),
      ({ code }) => ({ code }),
    )

  test.runIf(isGlobalScope())(
    'disables a person only for an erasure, and erases nobody whose time has not come',
    async () => {
      const { user, tenant } = await makePerson()
      const disable = 'update tenantry.users set is_active = false where id = $1'
      expect(await identity(disable, [user.id])).toEqual({ code: '42501' })
      const erase = 'select tenantry.erase_person($1) as done'
      expect(await identity(erase, [user.id])).toMatchObject({ rows: [{ done: false }] })
      await remove(tenant, user)
      expect(await identity(erase, [user.id])).toMatchObject({ rows: [{ done: false }] })
      expect(await identity(erase, [randomUUID()])).toMatchObject({ rows: [{ done: false }] })
      // It sees a disabled person in these functions only.
      const seen = await identity('select from tenantry.users where id = $1', [user.id])
      expect(seen).toMatchObject({ rowCount: 0 })
      expect(await identity('delete from tenantry.users where id = $1', [user.id])).toMatchObject({
        rowCount: 0,
      })
    },
  )

  test('leaves a person who was disabled by a platform admin alone', async () => {
    const { user } = await makePerson()
    await platform('update tenantry.users set is_active = false where id = $1', [user.id])
    const erase = await identity('select tenantry.erase_person($1) as done', [user.id])
    expect(erase).toMatchObject({ rows: [{ done: false }] })
    expect(await rowOf(user.id)).toHaveLength(1)
  })
})
