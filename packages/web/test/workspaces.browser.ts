import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import type { AxeResults } from 'axe-core'
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { TestTenant } from '../../server/src/testing.ts'
import { hostile, inPage, type Pages, shoot, startPagesWithHosts, type View } from './pages.ts'

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

let pages: Pages
beforeAll(async () => {
  pages = await startPagesWithHosts()
})
afterEach(() => pages.finish())
afterAll(() => pages.close())

/** A person of a workspace of this name, and of others. */
async function makeScene(name: string, ...others: string[]) {
  const home = await pages.api.makeTenant({ name })
  const user = await home.makeUser({ roles: ['admin_tenant'] })
  const rest: TestTenant[] = []
  for (const it of others) {
    const tenant = await pages.api.makeTenant({ name: it })
    await tenant.makeUser({ email: user.email, roles: ['operator'] })
    rest.push(tenant)
  }
  return { home, user, others: rest }
}

const switcher = (page: Page) => page.getByRole('button', { name: /Switch workspace/ })
const list = (page: Page) => page.getByRole('dialog', { name: 'Your workspaces' })

// Three pages load on the way, which takes a busy machine longer than one.
const arrive = (page: Page, tenant: TestTenant) =>
  page.waitForURL(`${pages.originOf(tenant)}/console`, { waitUntil: 'commit', timeout: 30_000 })

async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe)
  const { violations } = await page.evaluate<AxeResults>(`axe.run({ resultTypes: ['violations'] })`)
  return violations.flatMap((it) => it.nodes.map((node) => `${it.id}: ${node.html}`))
}

/** Holds requests back until `release`. */
async function hold(page: Page, url: string) {
  let release = () => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  await page.route(url, async (route) => {
    await held
    await route.continue()
  })
  return { release }
}

test('a person goes to another workspace by keyboard alone', async () => {
  const { home, user, others } = await makeScene('Home Works', 'Alpha Works', 'Zeta Works')
  const { page } = await pages.open(home, '/console', user)
  // A page that appears takes the focus.
  await pages.settled(page)
  const { release } = await hold(page, '**/api/account/tenants')
  await switcher(page).focus()
  await page.keyboard.press('Enter')
  await list(page).getByText('Loading').waitFor({ state: 'attached' })
  release()
  await expect.poll(() => list(page).locator('a:focus').innerText()).toContain('Alpha Works')
  expect(await list(page).getByRole('link').count()).toBe(3)
  await page.keyboard.press('Escape')
  await list(page).waitFor({ state: 'hidden' })
  await switcher(page).and(page.locator(':focus')).waitFor()
  await page.keyboard.press('Enter')
  await expect.poll(() => list(page).locator('a:focus').innerText()).toContain('Alpha Works')
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('Enter')
  await arrive(page, others[1] as TestTenant)
  await page.getByRole('heading', { level: 1, name: /Welcome/ }).waitFor()
  // There, the way leads back.
  await switcher(page).click()
  await list(page)
    .getByRole('link', { name: /Home Works/ })
    .click()
  await arrive(page, home)
})

test('a button that is pressed while its code arrives opens its list', async () => {
  const { home, user } = await makeScene('Home Works', 'Zeta Works')
  const { page } = await pages.open(home, '/console', user)
  await pages.settled(page)
  const code = '**/assets/workspace_popup-*.js'
  const { release } = await hold(page, code)
  await switcher(page).hover()
  await page.mouse.down()
  const arrived = page.waitForResponse(code)
  release()
  await (await arrived).finished()
  await pages.settled(page)
  await page.mouse.up()
  await list(page).getByText('Zeta Works').waitFor()
})

test('a person finds one of many workspaces, and sees hostile names as they are', async () => {
  const names = Array.from({ length: 12 }, (_, at) => `Client ${at}`)
  const { home, user, others } = await makeScene('Agency', ...names, ...Object.values(hostile))
  const { page } = await pages.open(home, '/console', user, { phone: true })
  await page.getByRole('button', { name: 'Open navigation' }).click()
  await switcher(page).click()
  await list(page).getByText(hostile.markup).waitFor()
  expect(await list(page).getByRole('listitem').count()).toBe(15)
  expect(await inPage(page, 'overflow()')).toBeLessThanOrEqual(0)
  const box = await list(page).boundingBox()
  expect((box?.x ?? -1) >= 0 && (box?.y ?? -1) >= 0).toBe(true)
  expect((box?.x ?? 0) + (box?.width ?? 0)).toBeLessThanOrEqual(375)
  await shoot(page, 'workspaces-many-phone')
  await list(page).getByText(hostile.long).scrollIntoViewIfNeeded()
  const field = list(page).getByRole('searchbox')
  await field.fill('مرحبا')
  expect(await list(page).getByRole('listitem').count()).toBe(1)
  await field.fill('no such client')
  await list(page).getByText('No matches').waitFor()
  const eleventh = others[11] as TestTenant
  await field.fill(eleventh.subdomain)
  await field.press('Enter')
  await arrive(page, eleventh)
})

test('a workspace that is suspended, or that a person was suspended in, is not shown', async () => {
  const { home, user, others } = await makeScene('Home', 'Closed', 'Left', 'Open')
  const [closed, left] = others as [TestTenant, TestTenant]
  await pages.api.database.acrossTenants('test', async (db) => {
    const tenants = db.updateTable('tenantry.tenants').set({ status: 'suspended' })
    await tenants.where('id', '=', closed.id).execute()
    const members = db.updateTable('tenantry.members').set({ is_active: false })
    await members.where('tenant_id', '=', left.id).where('user_id', '=', user.id).execute()
  })
  const { page } = await pages.open(home, '/console', user)
  await switcher(page).click()
  await list(page).getByRole('listitem').first().waitFor()
  expect(await list(page).locator('li [title]').allInnerTexts()).toEqual(['Open'])
})

test('a person without another workspace reads so, and can look for one', async () => {
  const { home, user } = await makeScene('Only Works')
  const { page } = await pages.open(home, '/account', user)
  await switcher(page).click()
  await list(page).getByText('You have no other workspace.').waitFor()
  await shoot(page, 'workspaces-none')
  await list(page).getByRole('link', { name: 'Find another workspace' }).click()
  await page.getByRole('heading', { name: 'Find your workspace' }).waitFor()
  expect(new URL(page.url()).hostname).toBe('app.localhost')
})

test('a person at the sign-in of a wrong workspace can look for theirs', async () => {
  const { home } = await makeScene('Wrong Works')
  const { page } = await pages.open(home, '/auth/sign-in')
  const link = page.getByRole('link', { name: 'Find another workspace' })
  await link.waitFor()
  await shoot(page, 'sign-in')
  await link.click()
  await page.getByRole('heading', { name: 'Find your workspace' }).waitFor()
})

// No such installation runs here: the tests share a database, whose scope is the other one.
test('where each workspace has accounts of its own, none is offered', async () => {
  const { home, user } = await makeScene('Home Works')
  const { page } = await pages.open(home, '/console', user)
  await page.route('**/api/branding', async (route) => {
    const { subdomain } = home
    const shown = { tenant_name: 'Home Works', subdomain, locale: 'en', identity_scope: 'tenant' }
    const origins = { tenant_origin: 'http://{tenant}.localhost', app_origin: 'http://localhost' }
    await route.fulfill({ json: { ...shown, ...origins } })
  })
  await page.reload()
  await pages.settled(page)
  await page.getByRole('complementary').getByText('Home Works').waitFor()
  expect(await switcher(page).count()).toBe(0)
  await page.goto(`${pages.originOf(home)}/auth/sign-in`)
  await page.getByText('Home Works').waitFor()
  expect(await page.getByRole('link', { name: 'Find another workspace' }).count()).toBe(0)
})

describe('without a connection', () => {
  test('the list says so, and is there after it', async () => {
    const { home, user } = await makeScene('Home Works', 'Zeta Works')
    const { page, context } = await pages.open(home, '/console', user, { expected: [0] })
    await switcher(page).click()
    await list(page).getByText('Zeta Works').waitFor()
    await page.keyboard.press('Escape')
    await page.reload()
    await switcher(page).hover()
    await pages.settled(page)
    await context.setOffline(true)
    await switcher(page).click()
    await list(page).getByText('You are offline', { exact: true }).waitFor()
    await list(page).getByRole('button', { name: 'Try again' }).waitFor()
    await shoot(page, 'workspaces-offline')
    await context.setOffline(false)
    await list(page).getByText('Zeta Works').waitFor()
  })

  test('a click keeps the page', async () => {
    const { home, user } = await makeScene('Home Works', 'Zeta Works')
    const { page, context } = await pages.open(home, '/console', user, { expected: [0] })
    await switcher(page).click()
    await list(page).getByText('Zeta Works').waitFor()
    await context.setOffline(true)
    await list(page).getByText('Zeta Works').click()
    await page.getByText('You are offline. Check your connection').waitFor()
    await page.getByRole('heading', { level: 1, name: /Welcome/ }).waitFor()
    await context.setOffline(false)
  })
})

test.each([
  ['en', {}],
  ['en-dark', { dark: true }],
  ['de-phone', { locale: 'de-DE', phone: true }],
  ['en-dark-phone', { dark: true, phone: true }],
] as const)('the list is accessible and fits: %s', async (name, view: View) => {
  const names = Array.from({ length: 8 }, (_, at) => `Client ${at}`)
  const { home, user } = await makeScene(hostile.long, hostile.rightToLeft, ...names)
  const { page } = await pages.open(home, '/console', user, view)
  if (view.phone) await page.getByRole('button', { name: /Open navigation|Menü öffnen/ }).click()
  await page.getByRole('button', { name: /Switch workspace|Arbeitsbereich wechseln/ }).click()
  await page.getByText('Client 7').waitFor({ state: 'attached' })
  await pages.settled(page)
  await shoot(page, `workspaces-${name}`)
  expect(await inPage(page, 'overflow()')).toBeLessThanOrEqual(0)
  expect(await violations(page)).toEqual([])
})
