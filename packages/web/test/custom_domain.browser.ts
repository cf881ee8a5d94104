import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import type { AxeResults } from 'axe-core'
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { TestTenant, TestUser } from '../../server/src/testing.ts'
import { sessionCookies } from './hand_over_requests.ts'
import { addDomain, inPage, type Pages, shoot, startPagesWithDomains, type View } from './pages.ts'

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

let pages: Pages
beforeAll(async () => {
  pages = await startPagesWithDomains()
})
afterEach(() => pages.finish())
afterAll(() => pages.close())

interface Scene {
  tenant: TestTenant
  user: TestUser
  domain: URL
}

async function makeScene(): Promise<Scene> {
  const tenant = await pages.api.makeTenant({ name: 'Acme Works' })
  const user = await tenant.makeUser({ roles: ['admin_tenant'] })
  return { tenant, user, domain: await addDomain(pages, tenant) }
}

/** A person who is signed in at the subdomain, and goes on to a page of the custom domain. */
async function openThere({ tenant, user, domain }: Scene, path: string, view: View = {}) {
  const opened = await pages.open(tenant, '/console', user, { ...view, expected: [401] })
  await opened.page.goto(domain.origin + path)
  await opened.page.locator('form[action="/api/hand-overs"] button').click()
  await opened.page.waitForURL(domain.origin + path)
  await pages.settled(opened.page)
  return opened
}

const passwordFields = (page: Page) => page.locator('input[type=password]').count()

async function isAccessible(page: Page) {
  await pages.settled(page)
  expect(await inPage(page, 'overflow()')).toBeLessThanOrEqual(0)
  await page.evaluate(axe)
  const { violations } = await page.evaluate<AxeResults>(`axe.run({ resultTypes: ['violations'] })`)
  expect(violations.map((it) => it.id)).toEqual([])
}

describe('a person who opens a page at a custom domain', () => {
  test('signs in at the subdomain, and gets to the page', async () => {
    const { tenant, user, domain } = await makeScene()
    const { page, context } = await pages.open(tenant, '/auth/no-page', undefined, {
      expected: [401],
    })
    const sentThere: string[] = []
    page.on('request', (it) => {
      if (new URL(it.url()).host === domain.host) sentThere.push(it.postData() ?? '')
    })
    await page.goto(`${domain.origin}/console/members?q=${user.email}`)
    await page.waitForURL(`${pages.originOf(tenant)}/auth/sign-in?**`)
    await page.getByLabel('E-mail address').fill(user.email)
    await page.getByLabel('Password', { exact: true }).fill(user.password)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByRole('heading', { name: `Go to ${domain.host}` }).waitFor()
    const as = `${domain.host} is an address of Acme Works. You go on there as ${user.email}.`
    await page.getByText(as).waitFor()
    await page.getByRole('button', { name: 'Continue' }).click()
    await page.waitForURL(`${domain.origin}/console/members?q=${user.email}`)
    await page.getByRole('heading', { name: 'Members' }).waitFor()
    expect(await sessionCookies(context, domain.origin)).toHaveLength(1)
    // Two requests: what begins the hand-over, and nothing with the password.
    expect(sentThere.filter((it) => it !== '')).toHaveLength(1)
    expect(sentThere.join()).not.toContain(user.password)
  })

  test('is asked, and can stay at the subdomain', async () => {
    const { tenant, user, domain } = await makeScene()
    const view = { expected: [401] }
    const { page, context } = await pages.open(tenant, '/console', user, view)
    await page.goto(`${domain.origin}/console`)
    await page.getByRole('link', { name: 'Stay here' }).click()
    await page.waitForURL(`${pages.originOf(tenant)}/console`)
    expect(await sessionCookies(context, domain.origin)).toEqual([])
  })

  test('signs out there and at the subdomain, and is not signed in again without a click', async () => {
    const scene = await makeScene()
    const { tenant, user, domain } = scene
    const { page, context } = await openThere(scene, '/console')
    await page.getByRole('button', { name: user.email }).click()
    await page.getByRole('menuitem', { name: 'Sign out' }).click()
    await page.getByText('You have signed out.').waitFor()
    expect(new URL(page.url()).host).toBe(domain.host)
    const home = new URL(pages.originOf(tenant))
    await page.getByText(`You sign in at ${home.host}, and then come back here.`).waitFor()
    expect(await sessionCookies(context, domain.origin)).toEqual([])
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.waitForURL(`${home.origin}/auth/sign-in?**`)
    await page.getByLabel('Password', { exact: true }).waitFor()
  })

  test('finds no password field and no other workspace there', async () => {
    const scene = await makeScene()
    const { page } = await openThere(scene, '/account')
    const home = new URL(pages.originOf(scene.tenant))
    await page.getByText(scene.domain.hostname).first().waitFor()
    expect(await passwordFields(page)).toBe(0)
    expect(await page.getByRole('heading', { name: 'Your workspaces' }).count()).toBe(0)
    expect(await page.getByRole('button', { name: 'Acme Works' }).count()).toBe(0)
    await page.goto(`${scene.domain.origin}/console/ownership-transfer`)
    await page.getByRole('link', { name: 'Continue there' }).waitFor()
    expect(await passwordFields(page)).toBe(0)
    await page.goto(`${scene.domain.origin}/account`)
    await page.getByRole('link', { name: 'Continue there' }).click()
    await page.waitForURL(`${home.origin}/account`)
    await page.getByRole('heading', { name: 'Password' }).waitFor()
  })

  test('signs in again in another tab when the session ends, and keeps what was typed', async () => {
    const scene = await makeScene()
    const { page, context } = await openThere(scene, '/console/new-role')
    await page.getByLabel('Name', { exact: true }).fill('reviewers')
    await page.getByRole('checkbox', { name: 'Projects: Read' }).click()
    await context.clearCookies({ domain: scene.domain.hostname })
    await page.getByRole('button', { name: 'Create role' }).click()
    const dialog = page.getByRole('dialog', { name: 'Your session has ended' })
    await dialog.getByText('Sign in again in another tab').waitFor()
    expect(await passwordFields(page)).toBe(0)
    const opening = context.waitForEvent('page')
    await dialog.getByRole('link', { name: 'Sign in' }).click()
    const tab = await opening
    await tab.getByRole('button', { name: 'Continue' }).click()
    await tab.waitForURL(`${scene.domain.origin}/console`)
    await dialog.getByRole('button', { name: 'Continue' }).click()
    await page.getByRole('heading', { name: 'reviewers' }).waitFor()
  })
})

test('a workspace is opened at its primary domain, without a question', async () => {
  const { tenant: home, user } = await makeScene()
  const other = await pages.api.makeTenant({ name: 'Other Works' })
  await other.makeUser({ email: user.email, roles: ['operator'] })
  const domain = await addDomain(pages, other, { isPrimary: true })
  const { page } = await pages.open(home, '/account', user)
  await page.getByText(domain.host).waitFor()
  await page.getByRole('link', { name: 'Go to Other Works' }).click()
  await page.waitForURL(`${domain.origin}/console`, { timeout: 30_000 })
  await page.getByRole('heading', { level: 1, name: /Welcome/ }).waitFor()
})

// It may begin with the name of another host, which a person would take for the whole.
test('a custom domain is named whole, however long', async () => {
  const { tenant: home, user } = await makeScene()
  const other = await pages.api.makeTenant({ name: 'Other Works' })
  await other.makeUser({ email: user.email, roles: ['operator'] })
  const name = `${home.subdomain}.${'x'.repeat(60)}.${'y'.repeat(60)}.${'z'.repeat(60)}.localhost`
  const domain = await addDomain(pages, other, { isPrimary: true, name })
  const { page } = await pages.open(home, '/account', user, { phone: true })
  const isWhole = async () => {
    await page.getByText(domain.host, { exact: true }).waitFor()
    const hidden = await page.evaluate(`(() => {
      const spans = [...document.querySelectorAll('span')]
      const shown = spans.findLast((it) => it.textContent === ${JSON.stringify(domain.host)})
      return shown.scrollWidth - shown.clientWidth
    })()`)
    expect(hidden).toBeLessThanOrEqual(0)
  }
  await isWhole()
  expect(await inPage(page, 'overflow()')).toBeLessThanOrEqual(0)
  await page.setViewportSize({ width: 1280, height: 800 })
  await page.goto(`${pages.originOf(home)}/console`)
  await page.getByRole('button', { name: 'Acme Works' }).click()
  await isWhole()
  await page.setViewportSize({ width: 390, height: 844 })
  const query = { to: other.subdomain, challenge: 'c'.repeat(43), domain: name }
  await page.goto(`${pages.originOf(home)}/auth/switch?${new URLSearchParams(query)}`)
  await page.getByRole('heading', { name: `Go to ${domain.host}` }).waitFor()
  expect(await inPage(page, 'overflow()')).toBeLessThanOrEqual(0)
})

test.each([
  ['en', {}],
  ['en-dark-phone', { dark: true, phone: true }],
  ['de-phone', { locale: 'de-DE', phone: true }],
] as const)('the pages are accessible and fit: %s', async (name, view: View) => {
  const scene = await makeScene()
  const { tenant, user, domain } = scene
  const { page } = await pages.open(tenant, '/console', user, { ...view, expected: [401] })
  await page.goto(`${domain.origin}/account`)
  await page.locator('form[action="/api/hand-overs"]').waitFor()
  await isAccessible(page)
  await shoot(page, `domain-question-${name}`)
  await page.locator('form[action="/api/hand-overs"] button').click()
  await page.waitForURL(`${domain.origin}/account`)
  await isAccessible(page)
  await shoot(page, `domain-account-${name}`)
  await page.goto(`${domain.origin}/auth/sign-in?reason=signed-out`)
  await isAccessible(page)
  await shoot(page, `domain-signed-out-${name}`)
})
