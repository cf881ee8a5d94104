import { randomBytes } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { app } from '../../../test/fixtures/app/app.ts'
import { cookieOf, browserAt as openBrowser, signIn } from '../../../test/fixtures/browser.ts'
import { backgroundScope } from '../../db/tenancy.ts'
import { startTestApp, type TestApp, type TestTenant, type TestUser } from '../../testing.ts'

let api: TestApp
beforeAll(async () => {
  api = await startTestApp(app, { TRUST_PROXY: '127.0.0.1' })
})
afterAll(() => api.close())

const browserAt = (tenant: TestTenant, to = api) => openBrowser(tenant, to)

async function scene() {
  const tenant = await api.makeTenant()
  const user = await tenant.makeUser()
  const browser = browserAt(tenant)
  const cookie = cookieOf(await signIn(browser, user))
  return { tenant, user, browser, cookie }
}

const ME = { path: '/api/auth/me' }

describe('a browser stays signed in', () => {
  test('with 20 tabs over a restart of the server', async () => {
    const SECRET_KEY = randomBytes(32).toString('base64')
    const settings = { TRUST_PROXY: '127.0.0.1', SECRET_KEY }
    const first = await startTestApp(app, settings)
    const tenant = await first.makeTenant()
    const user = await tenant.makeUser()
    const cookie = cookieOf(await signIn(browserAt(tenant, first), user))
    const tabs = (to: TestApp) =>
      Promise.all(Array.from({ length: 20 }, () => browserAt(tenant, to)(cookie, ME)))
    const before = await tabs(first)
    await first.close()
    const second = await startTestApp(app, settings)
    try {
      const after = await tabs(second)
      expect([...before, ...after].map((it) => it.status)).toEqual(Array(40).fill(200))
      expect(after.map((it) => it.headers['set-cookie'])).toEqual(Array(20).fill(undefined))
    } finally {
      await second.close()
    }
  })

  test('over a rotation of SECRET_KEY: the cookie is issued again, with the same end', async () => {
    const [old, fresh] = [1, 2].map(() => randomBytes(32).toString('base64'))
    const proxy = { TRUST_PROXY: '127.0.0.1' }
    const before = await startTestApp(app, { ...proxy, SECRET_KEY: old ?? '' })
    const tenant = await before.makeTenant()
    const user = await tenant.makeUser()
    const cookie = cookieOf(await signIn(browserAt(tenant, before), user))
    await before.close()
    const keys = { SECRET_KEY: fresh ?? '', SECRET_KEY_PREVIOUS: old ?? '' }
    const during = await startTestApp(app, { ...proxy, ...keys })
    const reply = await browserAt(tenant, during)(cookie, ME)
    const renewed = cookieOf(reply)
    await during.close()
    const after = await startTestApp(app, { ...proxy, SECRET_KEY: fresh ?? '' })
    try {
      expect(reply.status).toBe(200)
      expect(renewed).toMatch(/^__Host-tenantry=/)
      expect(endOf(renewed)).toBe(endOf(cookie))
      expect((await browserAt(tenant, after)(renewed, ME)).status).toBe(200)
      expect((await browserAt(tenant, after)(cookie, ME)).status).toBe(401)
    } finally {
      await after.close()
    }
  })
})

function endOf(cookie: string): number {
  const [, payload = ''] = cookie.split('.')
  return JSON.parse(Buffer.from(payload, 'base64url').toString()).exp
}

describe('a session in use', () => {
  const row = async (tenant: TestTenant, user: TestUser) => {
    const { rows } = await api.database.inTenant(backgroundScope(tenant.id), (db) =>
      sql<{ idle_days: number; seen_age: number; revoked: boolean }>`
        select extract(epoch from idle_expires_at - now())::float8 / 86400 as idle_days,
          extract(epoch from now() - last_seen_at)::float8 as seen_age,
          revoked_at is not null as revoked
        from tenantry.sessions where user_id = ${user.id} and kind = 'cookie'`.execute(db),
    )
    return rows[0]
  }

  const change = (tenant: TestTenant, user: TestUser, assignments: string) =>
    api.database.inTenant(backgroundScope(tenant.id), (db) =>
      sql`update tenantry.sessions set ${sql.raw(assignments)}
        where user_id = ${user.id} and kind = 'cookie'`.execute(db),
    )

  test('is extended in the background, by one statement for many requests', async () => {
    const { tenant, user, browser, cookie } = await scene()
    const earlier =
      "idle_expires_at = now() + interval '1 day', last_seen_at = now() - interval '1 day'"
    await change(tenant, user, earlier)
    await browser(cookie, ME)
    await api.running.settle()
    const statements = await api.statementsOf(async () => {
      await Promise.all(Array.from({ length: 10 }, () => browser(cookie, ME)))
      await api.running.flushUses()
    })
    expect(statements).toHaveLength(1)
    const found = await row(tenant, user)
    expect(found?.idle_days).toBeGreaterThan(13.9)
    expect(found?.seen_age).toBeLessThan(60)
    // Nothing is left to write.
    expect(await api.statementsOf(() => api.running.flushUses())).toEqual([])
  })

  test('is not extended beyond its absolute end (SESS-5)', async () => {
    const { tenant, user, browser, cookie } = await scene()
    await change(
      tenant,
      user,
      "expires_at = now() + interval '2 days', idle_expires_at = now() + interval '1 day'",
    )
    expect((await browser(cookie, ME)).status).toBe(200)
    await api.running.flushUses()
    const found = await row(tenant, user)
    expect(found?.idle_days).toBeGreaterThan(1.9)
    expect(found?.idle_days).toBeLessThanOrEqual(2)
  })

  test.each([
    ['was revoked', 'revoked_at = now()'],
    ['was idle too long', "idle_expires_at = now() - interval '1 second'"],
  ])('is not revived after it %s', async (_, ending) => {
    const { tenant, user, browser, cookie } = await scene()
    expect((await browser(cookie, ME)).status).toBe(200)
    await change(tenant, user, ending)
    await api.running.flushUses()
    expect((await row(tenant, user))?.idle_days).toBeLessThan(14)
    await api.listener.sync()
    expect((await browser(cookie, ME)).status).toBe(401)
  })

  test('whose end another server postponed is read again before it is refused', async () => {
    const { tenant, user, browser, cookie } = await scene()
    await change(tenant, user, "idle_expires_at = now() + interval '2 seconds'")
    await api.listener.sync()
    expect((await browser(cookie, ME)).status).toBe(200)
    // As the other server does: a later end, which invalidates nothing.
    await change(tenant, user, "idle_expires_at = now() + interval '1 day'")
    await setTimeout(2_200)
    expect((await browser(cookie, ME)).status).toBe(200)
  })

  test('is written when the server shuts down', async () => {
    const own = await startTestApp(app, { TRUST_PROXY: '127.0.0.1' })
    const tenant = await own.makeTenant()
    const user = await tenant.makeUser()
    const cookie = cookieOf(await signIn(browserAt(tenant, own), user))
    await change(tenant, user, "idle_expires_at = now() + interval '1 day'")
    expect((await browserAt(tenant, own)(cookie, ME)).status).toBe(200)
    await own.close()
    expect((await row(tenant, user))?.idle_days).toBeGreaterThan(13.9)
  })

  test('that was signed out by someone else is refused, and its cookie stays dead', async () => {
    const { user, browser, cookie } = await scene()
    const others = cookieOf(await signIn(browser, user))
    const revoked = await browser(others, { method: 'DELETE', path: '/api/sessions' })
    expect(revoked.status).toBe(204)
    expect((await browser(cookie, ME)).status).toBe(401)
    expect((await browser(others, ME)).status).toBe(200)
  })

  test('survives the change of the password that it asks for (SESS-9)', async () => {
    const { tenant, user, browser, cookie } = await scene()
    const body = { current_password: user.password, new_password: 'brand new battery' }
    const reply = await browser(cookie, { method: 'PUT', path: '/api/account/password', body })
    expect(reply.status).toBe(204)
    expect((await browser(cookie, ME)).status).toBe(200)
    expect((await tenant.send({ ...ME, user })).status).toBe(401)
  })
})
