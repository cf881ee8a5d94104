import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type Pages, startPages } from './pages.ts'

let pages: Pages
beforeAll(async () => {
  pages = await startPages({ SIGNIN_LIMIT_ACCOUNT: '3' })
})
afterEach(() => pages.finish())
afterAll(() => pages.close())

async function fill(page: import('playwright-core').Page, email: string, password: string) {
  await page.getByLabel('E-mail address').fill(email)
  await page.getByLabel('Password', { exact: true }).fill(password)
  await page.keyboard.press('Enter')
}

describe('signing in', () => {
  test('leads to the page that the person wanted, by keyboard alone', async () => {
    const tenant = await pages.api.makeTenant({ name: 'Acme Works' })
    const user = await tenant.makeUser({ roles: ['admin_tenant'] })
    const { page } = await pages.open(tenant, '/console/members?state=active', undefined, {
      expected: [401],
    })
    await page.waitForURL(/\/auth\/sign-in/)
    await expect.poll(() => page.getByText('Acme Works').count()).toBe(1)
    // The first field has the focus.
    await page.keyboard.type(user.email)
    await page.keyboard.press('Tab')
    await page.keyboard.press('Tab')
    await page.keyboard.type(user.password)
    await page.keyboard.press('Enter')
    await page.waitForURL(/\/console\/members\?state=active$/)
    await page.getByRole('heading', { name: 'Members', level: 1 }).waitFor()
  })

  test('gives the page no token: neither in a reply nor to a script', async () => {
    const tenant = await pages.api.makeTenant()
    const user = await tenant.makeUser()
    const { page } = await pages.open(tenant, '/auth/sign-in')
    const body = JSON.stringify(
      JSON.stringify({ email: user.email, password: user.password, session: 'cookie' }),
    )
    const init = `{ method: 'POST', headers: { 'content-type': 'application/json' }, body: ${body} }`
    const reply = await page.evaluate<string>(
      `fetch('/api/auth/login', ${init}).then((it) => it.text())`,
    )
    await page.goto(`${pages.originOf(tenant)}/console`)
    await page.getByRole('heading', { level: 1 }).waitFor()
    expect(reply).toContain('"roles"')
    expect(reply).not.toMatch(/eyJ|token"/)
    expect(await page.evaluate('document.cookie + JSON.stringify(localStorage)')).not.toMatch(/eyJ/)
  })

  test('says that the password is wrong, keeps the address, and says how long to wait', async () => {
    const tenant = await pages.api.makeTenant()
    const user = await tenant.makeUser()
    const { page } = await pages.open(tenant, '/auth/sign-in', undefined, { expected: [401, 429] })
    for (let attempt = 0; attempt < 3; attempt += 1) {
      await fill(page, user.email, 'not the password')
      await page.getByText('The e-mail address or the password is wrong.').waitFor()
    }
    expect(await page.getByLabel('E-mail address').inputValue()).toBe(user.email)
    await fill(page, user.email, 'not the password')
    await page.getByText(/Too many attempts. Try again in \d+ (minutes|seconds)/).waitFor()
  })

  test.each([
    '//evil.example.com',
    'https://evil.example.com/',
    '/\\evil.example.com',
    '/\t/evil.example.com',
    'javascript:alert(1)',
    '/..//evil.example.com',
  ])('never leads to another host: next=%j', async (next) => {
    const tenant = await pages.api.makeTenant()
    const user = await tenant.makeUser()
    const { page } = await pages.open(tenant, `/auth/sign-in?next=${encodeURIComponent(next)}`)
    await fill(page, user.email, user.password)
    await page.getByRole('heading', { level: 1, name: /Welcome/ }).waitFor()
    expect(new URL(page.url()).origin).toBe(pages.originOf(tenant))
  })

  test('says that there is no such workspace', async () => {
    const tenant = await pages.api.makeTenant()
    const unknown = { ...tenant, subdomain: 'unknown-tenant' }
    const { page } = await pages.open(unknown, '/auth/sign-in', undefined, { expected: [404] })
    await page.getByRole('heading', { name: 'Workspace not found' }).waitFor()
    await page.getByText('There is no workspace at this address').waitFor()
  })

  test('ends with signing out, also for the way back', async () => {
    const tenant = await pages.api.makeTenant()
    const user = await tenant.makeUser()
    const { page } = await pages.open(tenant, '/console', user, { expected: [401] })
    await page.getByRole('button', { name: new RegExp(user.email) }).click()
    await page.getByRole('menuitem', { name: 'Sign out' }).click()
    await page.getByText('You have signed out.').waitFor()
    await page.goto(`${pages.originOf(tenant)}/console`)
    await page.waitForURL(/\/auth\/sign-in/)
  })
})

describe('on a phone', () => {
  async function openMenu() {
    const tenant = await pages.api.makeTenant()
    const user = await tenant.makeUser()
    const view = { phone: true, expected: [0, 401] }
    const { page, context } = await pages.open(tenant, '/console', user, view)
    await page.getByRole('button', { name: 'Open navigation' }).click()
    const navigation = page.getByRole('dialog', { name: 'Main' })
    await navigation.getByRole('button', { name: new RegExp(user.email) }).click()
    return { page, context, navigation, signOut: page.getByRole('menuitem', { name: 'Sign out' }) }
  }

  test('the menu in the navigation signs out', async () => {
    const { page, signOut } = await openMenu()
    await signOut.click()
    await page.getByText('You have signed out.').waitFor()
  })

  test('Escape closes the menu first, and then the navigation', async () => {
    const { page, navigation, signOut } = await openMenu()
    await signOut.waitFor()
    await page.keyboard.press('Escape')
    await signOut.waitFor({ state: 'hidden' })
    await navigation.getByRole('link', { name: 'Overview' }).waitFor()
    await page.keyboard.press('Escape')
    await navigation.waitFor({ state: 'hidden' })
  })

  test('a sign-out that fails is shown in the navigation', async () => {
    const { context, navigation, signOut } = await openMenu()
    await signOut.waitFor()
    await context.setOffline(true)
    await signOut.click()
    await navigation.getByText('You are offline. Check your connection').waitFor()
    await navigation.getByRole('button', { name: 'Close' }).click()
    await context.setOffline(false)
  })
})

describe('a forgotten password', () => {
  test('is reset by a link of a mail, whose token leaves the address', async () => {
    const tenant = await pages.api.makeTenant()
    const user = await tenant.makeUser()
    const { page } = await pages.open(tenant, '/auth/sign-in', undefined, { expected: [400, 422] })
    await page.getByRole('link', { name: 'Forgot password?' }).click()
    await page.getByLabel('E-mail address').fill(user.email)
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'Check your inbox' }).waitFor()
    const [mail] = await pages.api.mailsTo(user.email)
    const link = /https?:\/\/\S+#token=\S+/.exec(mail?.text ?? '')?.[0] ?? ''
    const { pathname, hash } = new URL(link)
    await page.goto(pages.originOf(tenant) + pathname + hash)
    await page.getByLabel('New password').fill('password')
    await page.keyboard.press('Enter')
    await page.getByText('This is one of the most common passwords').waitFor()
    expect(page.url()).not.toContain('token')
    await page.getByLabel('New password').fill('seven purple lamps')
    await page.keyboard.press('Enter')
    await page.getByText('Your password has been changed').waitFor()
    await fill(page, user.email, 'seven purple lamps')
    await page.waitForURL(/\/console/)
    // The link of a mail counts once.
    await page.goto(pages.originOf(tenant) + pathname + hash)
    await page.getByLabel('New password').fill('seven purple lamps again')
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'This link no longer works' }).waitFor()
  })
})
