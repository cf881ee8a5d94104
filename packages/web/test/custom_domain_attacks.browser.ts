import type { BrowserContext } from 'playwright-core'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { TestTenant, TestUser } from '../../server/src/testing.ts'
import { asAdmin } from '../../server/test/fixtures/databases.ts'
import { caughtRedemption, sessionCookies } from './hand_over_requests.ts'
import { addDomain, type OpenPage, type Pages, startPagesWithDomains } from './pages.ts'

// A server of the attacker may answer at the custom domain, whose DNS has moved: it gets what the browser sends there.
let pages: Pages
beforeAll(async () => {
  pages = await startPagesWithDomains()
})
afterEach(() => pages.finish())
afterAll(() => pages.close())

interface Caught extends OpenPage {
  tenant: TestTenant
  user: TestUser
  domain: URL
  /** The address with a code that was not used yet. */
  url: URL
}

const question = 'form[action="/api/hand-overs"] button'

/** Goes on to a custom domain, and stops the browser before it sends the code there. */
async function catchCode(): Promise<Caught> {
  const tenant = await pages.api.makeTenant()
  const user = await tenant.makeUser({ roles: ['admin_tenant'] })
  const domain = await addDomain(pages, tenant)
  const opened = await pages.open(tenant, '/console', user, { expected: [400, 401, 403, 404] })
  await opened.page.goto(`${domain.origin}/console`)
  const url = await caughtRedemption(opened, () => opened.page.locator(question).click())
  return { ...opened, tenant, user, domain, url }
}

/** Gives the cookies of one host to another, as an attacker's own client can. */
async function copyCookies(context: BrowserContext, from: URL, to: URL): Promise<void> {
  const cookies = await context.cookies(from.origin)
  expect(cookies).not.toEqual([])
  await context.addCookies(cookies.map((it) => ({ ...it, domain: to.hostname })))
}

const handedOver = (tenant: TestTenant) =>
  pages.api.database.inTenant({ tenant, deadline: 'background' }, (db) =>
    db.selectFrom('tenantry.sessions').select('id').where('method', '=', 'hand_over').execute(),
  )

async function isRefused({ page }: OpenPage, url: URL): Promise<void> {
  await page.goto(url.href)
  await page.getByRole('heading', { name: 'You could not be signed in there' }).waitFor()
  expect(page.url()).not.toContain('code=')
}

test('a code that was lured to a custom domain opens nothing elsewhere', async () => {
  const caught = await catchCode()
  const { page, context, tenant, user, domain, url } = caught
  const other = await pages.api.makeTenant()
  await other.makeUser({ email: user.email, roles: ['admin_tenant'] })
  const elsewhere = [
    new URL(pages.originOf(tenant)),
    await addDomain(pages, tenant),
    new URL(pages.originOf(other)),
    await addDomain(pages, other),
  ]
  for (const { origin } of elsewhere) {
    await copyCookies(context, domain, new URL(origin))
    await isRefused(caught, new URL(origin + url.pathname + url.search))
  }
  expect([await handedOver(tenant), await handedOver(other)]).toEqual([[], []])
  // That was not for want of the code or the verifier.
  await page.goto(url.href)
  await page.getByRole('heading', { level: 1, name: /Welcome/ }).waitFor()
  expect(await sessionCookies(context, domain.origin)).toHaveLength(1)
})

test('a cookie that was sent to a custom domain opens nothing elsewhere', async () => {
  const { page, context, tenant, user, domain, url } = await catchCode()
  await page.goto(url.href)
  await page.getByRole('heading', { level: 1, name: /Welcome/ }).waitFor()
  const other = await pages.api.makeTenant()
  await other.makeUser({ email: user.email, roles: ['admin_tenant'] })
  const home = new URL(pages.originOf(tenant))
  for (const host of [home, new URL(pages.originOf(other)), await addDomain(pages, tenant)]) {
    await context.clearCookies({ domain: host.hostname })
    await copyCookies(context, domain, host)
    await page.goto(`${host.origin}/auth/no-page`)
    const statuses = await page.evaluate(`Promise.all(
      ['/api/auth/me', '/api/account', '/api/account/tenants', '/api/sessions'].map((path) =>
        fetch(path).then((it) => it.status)))`)
    expect(statuses, host.host).toEqual([401, 401, 401, 401])
  }
  // Nor does the subdomain hand it over, or ask anything but the password.
  const path = `/auth/switch?to=${other.subdomain}&challenge=${'c'.repeat(43)}`
  await page.goto(home.origin + path)
  await page.getByLabel('Password', { exact: true }).waitFor()
})

test('no session begins at a custom domain: a page of it can issue no code', async () => {
  const { page, tenant, domain, url } = await catchCode()
  await page.goto(url.href)
  await page.getByRole('heading', { level: 1, name: /Welcome/ }).waitFor()
  const challenge = 'c'.repeat(43)
  const replied = page.waitForResponse(/hand-overs/)
  await page.evaluate(`(() => {
    const form = document.createElement('form')
    Object.assign(form, { method: 'post', action: '/api/hand-overs' })
    const fields = ${JSON.stringify({ to: tenant.id, challenge, domain: domain.hostname })}
    for (const [name, value] of Object.entries(fields)) {
      form.append(Object.assign(document.createElement('input'), { name, value }))
    }
    document.body.append(form)
    form.submit()
  })()`)
  expect((await replied).status()).toBe(403)
})

// Login CSRF: the attacker's own code in the browser of a victim.
test('a code for a custom domain signs no browser in that has not begun it', async () => {
  const { tenant, url, domain } = await catchCode()
  const victim = await pages.open(tenant, '/auth/no-page', undefined, { expected: [401] })
  await isRefused(victim, url)
  // Nor one that has begun for itself.
  await victim.page.goto(`${domain.origin}/console`)
  await victim.page.getByLabel('Password', { exact: true }).waitFor()
  await isRefused(victim, url)
  expect(await sessionCookies(victim.context, domain.origin)).toEqual([])
})

test('a code for a custom domain is refused when it is replayed, or with another verifier', async () => {
  const caught = await catchCode()
  const { page, context, domain, url } = caught
  const verifier = await context.cookies(domain.origin)
  await page.goto(url.href)
  // A page that still asks for something would leave for the sign-in without its cookie.
  await page.getByRole('heading', { level: 1, name: /Welcome/ }).waitFor()
  await pages.settled(page)
  expect(await sessionCookies(context, domain.origin)).toHaveLength(1)
  await context.clearCookies({ domain: domain.hostname })
  await context.addCookies(verifier)
  await isRefused(caught, url)
  await page.goto(`${domain.origin}/console`)
  const second = await caughtRedemption(caught, () => page.locator(question).click())
  await page.goto(`${domain.origin}/console`)
  await page.locator(question).waitFor()
  await isRefused(caught, second)
  expect(await sessionCookies(context, domain.origin)).toEqual([])
})

test.each([
  [
    '61 seconds',
    "single_use_secrets set created_at = created_at - interval '61 s', expires_at = expires_at - interval '61 s' where tenant_id = $1",
  ],
  ['the tenant was suspended', "tenants set status = 'suspended' where id = $1"],
  [
    'the domain was detached',
    "domains set state = 'detached', detached_at = now() where tenant_id = $1",
  ],
])('a code for a custom domain opens nothing after %s', async (_, change) => {
  const { page, context, tenant, domain, url } = await catchCode()
  await asAdmin((admin) => admin.query(`update tenantry.${change}`, [tenant.id]))
  await pages.api.listener.sync()
  await page.goto(url.href)
  expect(await sessionCookies(context, domain.origin)).toEqual([])
  expect(await handedOver(tenant)).toEqual([])
})

test('no link leads the browser to a host that is not of the tenant', async () => {
  const { page, tenant } = await catchCode()
  const foreign = await addDomain(pages, await pages.api.makeTenant())
  for (const domain of ['evil.localhost', 'evil.example/', '//evil.example', foreign.hostname]) {
    const query = new URLSearchParams({ to: tenant.subdomain, challenge: 'c'.repeat(43), domain })
    await page.goto(`${pages.originOf(tenant)}/auth/switch?${query}`)
    await page.getByRole('heading', { name: 'You could not be signed in there' }).waitFor()
    expect(await page.locator('form').count()).toBe(0)
    expect(await page.getByText(domain).count()).toBe(0)
  }
})

test.each(['//evil.example', '/\\evil.example', 'https://evil.example', 'javascript:alert(1)'])(
  'no link leads the browser elsewhere after the sign-in: next=%s',
  async (next) => {
    const caught = await catchCode()
    const { page, domain } = caught
    await page.goto(`${domain.origin}/auth/sign-in?${new URLSearchParams({ next })}`)
    await page.locator(question).click()
    await page.waitForURL(`${domain.origin}/console`)
  },
)

// A person who is signed in follows a link of another page: nothing is opened without a click. That page may have got
// the person to hold a key.
test('a link to a custom domain opens no session by itself, nor by a key that is held', async () => {
  const { page, tenant, domain } = await catchCode()
  await page.goto(`${domain.origin}/console`)
  await page.locator(question).waitFor()
  for (const key of ['Enter', 'Space']) await page.keyboard.press(key)
  await pages.settled(page)
  expect(new URL(page.url()).origin).toBe(pages.originOf(tenant))
  expect(await handedOver(tenant)).toEqual([])
})
