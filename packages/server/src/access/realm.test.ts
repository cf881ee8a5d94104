import { afterAll, beforeAll, expect, test } from 'vitest'
import { app } from '../../test/fixtures/app/app.ts'
import { startTestApp, type TestApp, type TestTenant, type TestUser } from '../testing.ts'
import { INSTALLATION_REALM } from './realm.ts'

let api: TestApp
beforeAll(async () => {
  api = await startTestApp(app, { SIGNIN_LIMIT_ACCOUNT: '3' })
})
afterAll(() => api.close())

/** A tenant whose users are in a realm of its own. */
async function makeOwnRealm(): Promise<TestTenant> {
  const tenant = await api.makeTenant()
  await api.database.acrossTenants('test', (db) =>
    db
      .updateTable('tenantry.tenants')
      .set({ realm_id: tenant.id })
      .where('id', '=', tenant.id)
      .execute(),
  )
  return tenant
}

const signIn = async (tenant: TestTenant, email: string, password: string) => {
  const body = { email, password }
  return (await tenant.send({ method: 'POST', path: '/api/auth/login', body })).status
}

test('a tenant with a realm of its own has other users than the installation, at the same address', async () => {
  const [tenant, own, another] = [
    await api.makeTenant(),
    await makeOwnRealm(),
    await makeOwnRealm(),
  ]
  const user = await tenant.makeUser({ password: 'the password of all' })
  const { email } = user
  const people = [
    user,
    await own.makeUser({ email, password: 'the password of own' }),
    await another.makeUser({ email, password: 'the password of another' }),
  ]
  expect(new Set(people.map((it) => it.id)).size).toBe(3)
  for (const [at, it] of [tenant, own, another].entries()) {
    for (const [of, person] of people.entries()) {
      expect(await signIn(it, email, person.password)).toBe(at === of ? 200 : 401)
    }
  }
})

test('the database accepts no member whose user is of another realm than the tenant', async () => {
  const [tenant, own, another] = [
    await api.makeTenant(),
    await makeOwnRealm(),
    await makeOwnRealm(),
  ]
  const users = [await tenant.makeUser(), await own.makeUser()]
  const join = (it: TestTenant, user: TestUser) =>
    api.database.acrossTenants('test', (db) =>
      db
        .insertInto('tenantry.members')
        .values({ tenant_id: it.id, user_id: user.id, realm_id: it.id })
        .onConflict((conflict) => conflict.doNothing())
        .execute(),
    )
  for (const [of, user] of users.entries()) {
    for (const [at, it] of [tenant, own, another].entries()) {
      const joining = join(it, user)
      if (at === of) await joining
      else await expect(joining).rejects.toMatchObject({ constraint: 'members_realm_fkey' })
    }
  }
  const leaveRealm = api.database.acrossTenants('test', (db) =>
    db
      .updateTable('tenantry.tenants')
      .set({ realm_id: INSTALLATION_REALM })
      .where('id', '=', own.id)
      .execute(),
  )
  await expect(leaveRealm).rejects.toMatchObject({ constraint: 'members_realm_fkey' })
})

test('failed sign-ins and reset links in one realm concern no user of another', async () => {
  const [tenant, own] = [await api.makeTenant(), await makeOwnRealm()]
  const user = await tenant.makeUser({ password: 'the password of all' })
  const { email } = user
  const twin = await own.makeUser({ email, password: 'the password of own' })
  const forgot = { method: 'POST', path: '/api/auth/forgot-password', body: { email } } as const
  await own.send(forgot)
  const [mail] = await api.mailsTo(email)
  expect(mail?.text).toContain(own.host)
  const body = {
    token: /#token=([\w-]+)/.exec(mail?.text ?? '')?.[1],
    new_password: 'an entirely new one',
  }
  const reset = { method: 'POST', path: '/api/auth/reset-password', body } as const
  expect((await tenant.send(reset)).status).toBe(400)
  expect((await own.send(reset)).status).toBe(200)
  expect(await signIn(own, email, twin.password)).toBe(401)
  expect(await signIn(own, email, 'an entirely new one')).toBe(200)
  expect((await tenant.send({ path: '/api/auth/me', user })).status).toBe(200)
  for (let guess = 0; guess < 5; guess++) await signIn(own, email, 'a wrong guess')
  expect(await signIn(own, email, 'a wrong guess')).toBe(429)
  expect(await signIn(tenant, email, user.password)).toBe(200)
})
