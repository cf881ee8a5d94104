import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { TestTenant, TestUser } from '../../server/src/testing.ts'
import { asAdmin } from '../../server/test/fixtures/databases.ts'
import { caughtRedemption, sessionCookies } from './hand_over_requests.ts'
import { type OpenPage, type Pages, startPagesWithHosts } from './pages.ts'

// Each attack is one that the browser itself carries out: its cookies, redirects and rules are Chromium's.
let pages: Pages
let strict: Pages
beforeAll(async () => {
  ;[pages, strict] = await Promise.all([
    startPagesWithHosts(),
    startPagesWithHosts({ EMAIL_VERIFICATION: 'required' }),
  ])
})
afterEach(() => Promise.all([pages.finish(), strict.finish()]))
afterAll(() => Promise.all([pages.close(), strict.close()]))

interface Caught extends OpenPage {
  at: Pages
  home: TestTenant
  other: TestTenant
  user: TestUser
  /** The address that the hand-over leads to, with a code that was not used yet. */
  url: URL
}

const setVerified = (user: TestUser, at: string) =>
  asAdmin((admin) =>
    admin.query(`update tenantry.users set email_verified_at = ${at} where id = $1`, [user.id]),
  )

/** Goes from one tenant to another, and stops the browser before it sends the code. */
async function catchCode(at = pages): Promise<Caught> {
  const [home, other] = [await at.api.makeTenant(), await at.api.makeTenant()]
  const user = await home.makeUser({ roles: ['admin_tenant'] })
  await other.makeUser({ email: user.email, roles: ['admin_tenant'] })
  await setVerified(user, 'now()')
  const opened = await at.open(home, '/account', user, { expected: [401, 403] })
  const { page } = opened
  await page.goto(`${at.originOf(other)}/auth/switch?from=${home.subdomain}`)
  const url = await caughtRedemption(opened, () =>
    page.getByRole('button', { name: 'Continue' }).click(),
  )
  return { ...opened, at, home, other, user, url }
}

async function isRefused({ page }: Caught, url: URL): Promise<void> {
  await page.goto(url.href)
  await page.getByRole('heading', { name: 'You could not be signed in there' }).waitFor()
  expect(page.url()).not.toContain('code=')
}

test('the code of a hand-over signs the browser in that began it', async () => {
  const { page, context, at, other, url } = await catchCode()
  await page.goto(url.href)
  await page.getByRole('heading', { level: 1, name: /Welcome/ }).waitFor()
  expect(await sessionCookies(context, at.originOf(other))).toHaveLength(1)
})

// Login CSRF: a link with the attacker's own code must not sign the victim in as the attacker.
test('the code of a hand-over signs no browser in that has not begun it', async () => {
  const { at, other, url, page, context } = await catchCode()
  const victim = await at.open(other, url.pathname + url.search)
  await victim.page.getByRole('heading', { name: 'You could not be signed in there' }).waitFor()
  expect(victim.page.url()).not.toContain('code=')
  expect(await victim.context.cookies(url.origin)).toEqual([])
  // That was not for want of the code.
  await page.goto(url.href)
  expect(await sessionCookies(context, url.origin)).toHaveLength(1)
})

// DoubleClickjacking: the person double-clicks on a page of the attacker, which opens this one, or uncovers it, between the
// two clicks. Held keys likewise.
test('neither the end of a double click nor a held key answers the question', async () => {
  const [home, other] = [await pages.api.makeTenant(), await pages.api.makeTenant()]
  const user = await home.makeUser({ roles: ['admin_tenant'] })
  await other.makeUser({ email: user.email, roles: ['admin_tenant'] })
  const { page } = await pages.open(home, '/account', user, { expected: [401] })
  await page.addInitScript(`new MutationObserver(() => {
    const button = document.querySelector('form[action="/api/hand-overs"] button')
    if (button === null || window.hasClicked) return
    window.hasClicked = true
    button.click()
  }).observe(document, { subtree: true, childList: true })`)
  await page.keyboard.down('Enter')
  await page.goto(`${pages.originOf(other)}/auth/switch?from=${home.subdomain}`)
  const button = page.getByRole('button', { name: 'Continue' })
  const isReady = () => expect.poll(() => button.getAttribute('aria-disabled')).toBeNull()
  await isReady()
  expect(await page.evaluate('window.hasClicked')).toBe(true)
  await page.evaluate(`new Promise((resolve) => {
    window.dispatchEvent(new Event('focus'))
    setTimeout(() => {
      document.querySelector('form[action="/api/hand-overs"] button').click()
      resolve()
    })
  })`)
  await isReady()
  await page.keyboard.down('Enter')
  await page.keyboard.up('Enter')
  expect(new URL(page.url()).pathname).toBe('/auth/switch')
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { level: 1, name: /Welcome/ }).waitFor()
})

test('the code of a hand-over is refused when it is replayed', async () => {
  const caught = await catchCode()
  const { page, context, url } = caught
  const verifier = await context.cookies(url.origin)
  await page.goto(url.href)
  expect(await sessionCookies(context, url.origin)).toHaveLength(1)
  // Also with the cookie that it needed, and without the session that it opened.
  await context.clearCookies()
  await context.addCookies(verifier)
  await isRefused(caught, url)
  expect(await sessionCookies(context, url.origin)).toEqual([])
})

test('the code of a hand-over is refused at another tenant', async () => {
  const caught = await catchCode()
  const { page, context, at, home, user, url } = caught
  const third = await at.api.makeTenant()
  await third.makeUser({ email: user.email, roles: ['admin_tenant'] })
  // The browser has begun there, too.
  await page.goto(`${at.originOf(third)}/auth/switch?from=${home.subdomain}`)
  await page.getByRole('button', { name: 'Continue' }).waitFor()
  const elsewhere = new URL(at.originOf(third) + url.pathname + url.search)
  await isRefused(caught, elsewhere)
  expect(await sessionCookies(context, elsewhere.origin)).toEqual([])
})

test('the code of a hand-over is refused with another verifier', async () => {
  const caught = await catchCode()
  const { page, context, at, home, other, url } = caught
  // The browser begins anew, which replaces the verifier.
  await page.goto(`${at.originOf(other)}/auth/switch?from=${home.subdomain}`)
  await page.getByRole('button', { name: 'Continue' }).waitFor()
  await isRefused(caught, url)
  expect(await sessionCookies(context, url.origin)).toEqual([])
})

test('the code of a hand-over is refused after 61 seconds', async () => {
  const caught = await catchCode()
  const { context, other, url } = caught
  await asAdmin((admin) =>
    admin.query(
      `update tenantry.single_use_secrets
        set created_at = created_at - interval '61 s', expires_at = expires_at - interval '61 s'
        where tenant_id = $1 and kind = 'hand_over'`,
      [other.id],
    ),
  )
  await isRefused(caught, url)
  expect(await sessionCookies(context, url.origin)).toEqual([])
})

test('the code of a hand-over opens nothing in a tenant that was suspended meanwhile', async () => {
  const { page, context, at, other, url } = await catchCode()
  await at.api.database.acrossTenants('test', (db) =>
    db
      .updateTable('tenantry.tenants')
      .set({ status: 'suspended' })
      .where('id', '=', other.id)
      .execute(),
  )
  const reply = await page.goto(url.href)
  expect(reply?.status()).toBe(403)
  expect(await sessionCookies(context, url.origin)).toEqual([])
})

test('the code of a hand-over opens nothing for an unverified address where that is required', async () => {
  const caught = await catchCode(strict)
  const { context, user, url } = caught
  await setVerified(user, 'null')
  await isRefused(caught, url)
  expect(await sessionCookies(context, url.origin)).toEqual([])
})
