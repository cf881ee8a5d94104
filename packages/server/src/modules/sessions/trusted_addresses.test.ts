import { randomInt } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { app } from '../../../test/fixtures/app/app.ts'
import { isGlobalScope } from '../../../test/fixtures/identity_scope.ts'
import { startTestApp, type TestApp, type TestTenant, type TestUser } from '../../testing.ts'

let api: TestApp
beforeAll(async () => {
  api = await startTestApp(app, { TRUST_PROXY: '127.0.0.1', RESET_LIMIT_ADDRESS: '50' })
})
afterAll(() => api.close())

const PASSWORD = 'an entirely new one'

const group = () => randomInt(0x10000).toString(16)
const randomAddress = () => `2001:db8:${group()}:${group()}::1`

/** Posts as a client with this address behind the proxy. */
const post = (tenant: TestTenant, path: string, address: string, body: unknown) =>
  tenant.send({ method: 'POST', path, headers: { 'x-forwarded-for': address }, body })

const login = (tenant: TestTenant, address: string, email: string, password: string) =>
  post(tenant, '/api/auth/login', address, { email, password })

const wrong = (tenant: TestTenant, address: string, email: string) =>
  login(tenant, address, email, 'wrong password')

const forgot = (tenant: TestTenant, address: string, email: string) =>
  post(tenant, '/api/auth/forgot-password', address, { email })

/** Guesses from new addresses until the account rejects sign-ins from untrusted addresses. */
async function lockOut(tenant: TestTenant, { email }: TestUser): Promise<void> {
  const replies = await Promise.all(
    Array.from({ length: 11 }, () => wrong(tenant, randomAddress(), email)),
  )
  expect(replies.filter((it) => it.status === 429)).toHaveLength(1)
}

async function signInAt(tenant: TestTenant, address: string, user: TestUser): Promise<void> {
  expect((await login(tenant, address, user.email, user.password)).status).toBe(200)
  await api.running.settle()
}

async function newestToken(email: string, count: number): Promise<string> {
  const [mail] = await api.mailsTo(email, count)
  const token = /#token=([\w-]+)/.exec(mail?.text ?? '')?.[1]
  if (token === undefined) throw new Error('the mail has no link')
  return token
}

describe('guesses from untrusted addresses (AUTHN-5, AUTHN-6)', () => {
  test('do not lock the owner out at an address that has signed in before', async () => {
    const [tenant, home] = [await api.makeTenant(), randomAddress()]
    const user = await tenant.makeUser()
    await signInAt(tenant, home, user)
    await lockOut(tenant, user)
    expect((await login(tenant, randomAddress(), user.email, user.password)).status).toBe(429)
    expect((await login(tenant, home, user.email, user.password)).status).toBe(200)
    const neighbour = home.replace(/1$/, 'abcd')
    expect((await login(tenant, neighbour, user.email, user.password)).status).toBe(200)
  })

  test('do not lock out an owner who has reset the password by mail', async () => {
    const [tenant, home] = [await api.makeTenant(), randomAddress()]
    const user = await tenant.makeUser()
    await lockOut(tenant, user)
    await forgot(tenant, home, user.email)
    const body = { token: await newestToken(user.email, 1), new_password: PASSWORD }
    expect((await post(tenant, '/api/auth/reset-password', home, body)).status).toBe(200)
    await api.running.settle()
    await lockOut(tenant, user)
    expect((await login(tenant, home, user.email, PASSWORD)).status).toBe(200)
  })

  test('a trusted address has a limit of its own, as high as that of the account, also in a burst', async () => {
    const [tenant, home] = [await api.makeTenant(), randomAddress()]
    const user = await tenant.makeUser()
    await signInAt(tenant, home, user)
    const burst = await Promise.all(
      Array.from({ length: 50 }, () => wrong(tenant, home, user.email)),
    )
    expect(burst.filter((it) => it.status === 401)).toHaveLength(10)
    const [limited] = burst.filter((it) => it.status === 429)
    expect(limited?.headers['ratelimit']).toMatch(/^"signin-account";r=0;t=\d+$/)
    // The owner can still sign in from an untrusted address.
    expect((await login(tenant, randomAddress(), user.email, user.password)).status).toBe(200)
  })

  test('an address is trusted only for the account that signed in from it', async () => {
    const [tenant, home] = [await api.makeTenant(), randomAddress()]
    const [user, other] = [await tenant.makeUser(), await tenant.makeUser()]
    await signInAt(tenant, home, user)
    await lockOut(tenant, other)
    expect((await login(tenant, home, other.email, other.password)).status).toBe(429)
  })

  test.runIf(isGlobalScope())(
    'a right password without a membership does not make the address trusted',
    async () => {
      const [tenant, other, there] = [
        await api.makeTenant(),
        await api.makeTenant(),
        randomAddress(),
      ]
      const user = await tenant.makeUser()
      expect((await login(other, there, user.email, user.password)).status).toBe(403)
      await api.running.settle()
      await lockOut(tenant, user)
      expect((await login(tenant, there, user.email, user.password)).status).toBe(429)
    },
  )

  test('do not reach the limit of a trusted address through an e-mail that contains it', async () => {
    const [tenant, home] = [await api.makeTenant(), randomAddress()]
    const user = await tenant.makeUser()
    await signInAt(tenant, home, user)
    const network = home.replace(/1$/, '')
    for (const between of ['\n', '","']) {
      for (const address of [home, network]) {
        const email = `${user.email}${between}${address}`
        for (let i = 0; i < 10; i++) await wrong(tenant, randomAddress(), email)
      }
    }
    expect((await wrong(tenant, home, user.email)).status).toBe(401)
    expect((await login(tenant, home, user.email, user.password)).status).toBe(200)
  })

  test('store neither addresses nor e-mails in the database', async () => {
    const [tenant, home] = [await api.makeTenant(), randomAddress()]
    const user = await tenant.makeUser()
    await signInAt(tenant, home, user)
    const rows = await api.database.asIdentity({ deadline: 'background' }, (db) =>
      db.selectFrom('tenantry.attempt_counters').select('key').execute(),
    )
    for (const { key } of rows) expect(key).toMatch(/^[\w-]{43}$/)
  })

  test('exhaust the limit of their tenant over all its accounts, and of no other tenant', async () => {
    const limitedApi = await startTestApp(app, {
      TRUST_PROXY: '127.0.0.1',
      SIGNIN_LIMIT_TENANT: '12',
    })
    const [tenant, neighbour] = [await limitedApi.makeTenant(), await limitedApi.makeTenant()]
    const [user, home] = [await tenant.makeUser(), randomAddress()]
    await login(tenant, home, user.email, user.password)
    await limitedApi.running.settle()
    const guesses = await Promise.all(
      Array.from({ length: 30 }, (_, at) => wrong(tenant, randomAddress(), `u${at}@example.com`)),
    )
    expect(guesses.filter((it) => it.status === 401)).toHaveLength(12)
    const [limited] = guesses.filter((it) => it.status === 429)
    expect(limited?.headers['ratelimit-policy']).toBe('"signin-tenant";q=12;w=900')
    expect((await login(tenant, home, user.email, user.password)).status).toBe(200)
    expect((await wrong(neighbour, randomAddress(), 'u1@example.com')).status).toBe(401)
    await limitedApi.close()
  })
})

describe('a client above the limit of its address (AUTHN-6)', () => {
  test('does not exhaust the limit of an account', async () => {
    const limitedApi = await startTestApp(app, {
      TRUST_PROXY: '127.0.0.1',
      SIGNIN_LIMIT_ADDRESS: '3',
    })
    const [tenant, there] = [await api.makeTenant(), randomAddress()]
    const { email } = await tenant.makeUser()
    const burst = await Promise.all(
      Array.from({ length: 30 }, () =>
        limitedApi.send(tenant.host, {
          method: 'POST',
          path: '/api/auth/login',
          headers: { 'x-forwarded-for': there },
          body: { email, password: 'wrong password' },
        }),
      ),
    )
    expect(burst.filter((it) => it.status === 401)).toHaveLength(3)
    const left = await Promise.all(
      Array.from({ length: 20 }, () => wrong(tenant, randomAddress(), email)),
    )
    expect(left.filter((it) => it.status === 401)).toHaveLength(7)
    await limitedApi.close()
  })
})

describe('reset requests by an attacker (AUTHN-4, AUTHN-6)', () => {
  test('never disclose a limit of the account, and the newest link still works', async () => {
    const tenant = await api.makeTenant()
    const user = await tenant.makeUser()
    const replies = await Promise.all(
      Array.from({ length: 20 }, () => forgot(tenant, randomAddress(), user.email)),
    )
    for (const reply of replies) {
      expect([reply.status, reply.text]).toEqual([200, '{"message":"Reset link sent"}'])
    }
    await api.running.settle()
    // A link that a newer one has voided before its mail was sent is not mailed.
    const mails = await api.mailsTo(user.email, 1)
    expect(mails.length).toBeLessThanOrEqual(5)
    await forgot(tenant, randomAddress(), user.email)
    await api.running.settle()
    expect(await api.mailsTo(user.email)).toHaveLength(mails.length)
    const works = await Promise.all(
      mails.map(({ text }) =>
        post(tenant, '/api/auth/reset-password', randomAddress(), {
          token: /#token=([\w-]+)/.exec(text)?.[1],
          new_password: PASSWORD,
        }),
      ),
    )
    expect(works.filter((it) => it.status === 200)).toHaveLength(1)
  })

  test.runIf(isGlobalScope())(
    'do not exhaust the mails of another tenant, or those after a reset',
    async () => {
      const [tenant, other] = [await api.makeTenant(), await api.makeTenant()]
      const user = await tenant.makeUser()
      await other.makeUser({ email: user.email })
      for (let i = 0; i < 7; i++) {
        await forgot(tenant, randomAddress(), user.email)
        await api.running.settle()
      }
      await forgot(other, randomAddress(), user.email)
      const token = await newestToken(user.email, 6)
      const body = { token, new_password: PASSWORD }
      expect((await post(other, '/api/auth/reset-password', randomAddress(), body)).status).toBe(
        200,
      )
      await api.running.settle()
      // The reset has voided the links of the first tenant: an exhausted limit must still allow one mail.
      await forgot(tenant, randomAddress(), user.email)
      const again = { token: await newestToken(user.email, 8), new_password: `${PASSWORD} again` }
      expect((await post(tenant, '/api/auth/reset-password', randomAddress(), again)).status).toBe(
        200,
      )
    },
  )

  test('are limited per client address, over all accounts', async () => {
    const [tenant, there] = [await api.makeTenant(), randomAddress()]
    const replies = await Promise.all(
      Array.from({ length: 55 }, (_, at) => forgot(tenant, there, `u${at}@example.com`)),
    )
    expect(replies.filter((it) => it.status === 429)).toHaveLength(5)
    expect((await forgot(tenant, randomAddress(), 'u1@example.com')).status).toBe(200)
  })
})
