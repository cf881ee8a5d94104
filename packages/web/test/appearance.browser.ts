import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import type { AxeResults } from 'axe-core'
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { TestTenant, TestUser } from '../../server/src/testing.ts'
import { DESKTOP, inPage, type Pages, PHONE, startPages } from './pages.ts'
import { foreignTexts, pseudoLocale } from './pseudo_locale.ts'

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

const signedOut = [
  '/auth/sign-in',
  '/auth/forgot-password',
  '/auth/reset-password#token=x',
  '/auth/no',
]
const signedIn = [
  '/console',
  '/console/projects',
  '/console/members',
  '/console/members/:id',
  '/console/roles',
  '/console/roles/operator',
  '/console/roles/support',
  '/console/new-role',
  '/console/domains',
  '/console/settings',
  '/console/audit-logs',
  '/console/ownership-transfer?user_id=:other',
  '/console/no',
  '/account',
]

let pages: Pages
let tenant: TestTenant
let admin: TestUser
let other: TestUser
beforeAll(async () => {
  pages = await startPages()
  tenant = await pages.api.makeTenant({ name: 'Acme' })
  admin = await tenant.makeUser({ roles: ['admin_tenant'] })
  other = await tenant.makeUser({ roles: ['operator'] })
  const post = (path: string, body: unknown) =>
    tenant.send({ method: 'POST', path, user: admin, body })
  await post('/api/roles', { name: 'support', permissions: ['projects:read'] })
  await post('/api/projects', { name: 'Apollo', description: 'To the moon' })
  await post('/api/domains', { name: 'shop.acme.example' })
  const email = 'ann@new.example.com'
  await post('/api/invitations', { email, roles: ['operator'], message: 'To the moon' })
  const [mail] = await pages.api.mailsTo(email)
  signedOut.push(/\/auth\/accept-invitation#token=[\w-]+/.exec(mail?.text ?? '')?.[0] ?? '')
})
afterEach(() => pages.finish())
afterAll(() => pages.close())

/** Looks at each page in each size: it is loaded once, because its size changes no reply. */
async function visit(
  locale: string,
  look: (page: Page, size: 'desktop' | 'phone') => Promise<string[]>,
  prepare: (page: Page) => Promise<void> = async () => {},
): Promise<string[]> {
  const found: string[] = []
  const lookAt = async (page: Page, path: string) => {
    await page.goto(pages.originOf(tenant) + path)
    await pages.settled(page)
    for (const size of ['desktop', 'phone'] as const) {
      await page.setViewportSize(size === 'phone' ? PHONE : DESKTOP)
      await inPage(page, 'drawn()')
      found.push(...(await look(page, size)).map((it) => `${path}, ${size}: ${it}`))
    }
  }
  // The page of an invitation asks whether the browser is signed in.
  const anonymous = { locale, expected: [401] }
  const { page } = await pages.open(tenant, '/auth/sign-in', undefined, anonymous)
  await prepare(page)
  for (const path of signedOut) await lookAt(page, path)
  const opened = await pages.open(tenant, '/auth/sign-in', admin, { locale })
  await prepare(opened.page)
  for (const path of signedIn) {
    await lookAt(opened.page, path.replace(':id', admin.id).replace(':other', other.id))
  }
  return found
}

test('each page is accessible and fits, light and dark, on a screen and a phone', async () => {
  const found = await visit('en', async (page) => [
    ...(await tooWide(page)),
    ...(await inPage<string[]>(page, 'cut()')),
    ...(await violations(page)),
    // The theme changes colours alone.
    ...(await inDark(page, () => violations(page, ['color-contrast']))),
  ])
  expect(found).toEqual([])
}, 120_000)

test('each page fits in German, and has its heading and the name of the workspace or the app as title', async () => {
  const found = await visit('de', async (page) => [
    ...(await tooWide(page)),
    ...(await inPage<string[]>(page, 'cut()')),
    ...(await oddTitle(page)),
  ])
  expect(found).toEqual([])
}, 120_000)

test('each text comes from the catalogue, and none is cut', async () => {
  expect(await visit('en', foreignTexts, pseudoLocale)).toEqual([])
}, 120_000)

test.each([
  [['en-US'], 'en', /^[A-Z][a-z]{2} \d{1,2}, \d{4}, /],
  // A system may name a locale that is no language tag.
  [['en-US@posix', 'de-AT', 'en-GB', 'en-US'], 'en', /^\d{1,2} [A-Z][a-z]{2,3} \d{4}, /],
  [['fr-FR'], 'en', /^[A-Z][a-z]{2} \d{1,2}, \d{4}, /],
  [['en-GB', 'de-AT'], 'de', /^\d\d\.\d\d\.\d{4}, /],
])('of a browser with %j, dates in %s have the order of its region', async (tags, lang, order) => {
  const { page } = await pages.open(tenant, '/auth/sign-in', admin)
  const chosen = `localStorage.setItem('tenantry.locale', '${lang}')`
  const languages = `Object.defineProperty(navigator, 'languages', { value: ${JSON.stringify(tags)} })`
  await page.addInitScript(`${chosen}; ${languages}`)
  await page.goto(`${pages.originOf(tenant)}/console/projects`)
  await pages.settled(page)
  expect(await page.locator('html').getAttribute('lang')).toBe(lang)
  expect(await page.locator('time').first().getAttribute('title')).toMatch(order)
})

async function oddTitle(page: Page): Promise<string[]> {
  const title = await page.title()
  const heading = await page.getByRole('heading', { level: 1 }).first().textContent()
  const names = ['Acme', 'Tenantry Starter'].map((it) => `${heading} · ${it}`)
  return names.includes(title) ? [] : [title]
}

async function tooWide(page: Page): Promise<string[]> {
  const overflow = await inPage<number>(page, 'overflow()')
  return overflow > 0 ? [`${overflow} pixels wider than the screen`] : []
}

async function violations(page: Page, rules?: string[]): Promise<string[]> {
  if (!(await page.evaluate('"axe" in window'))) await page.evaluate(axe)
  const only = rules === undefined ? {} : { runOnly: rules }
  const options = JSON.stringify({ ...only, resultTypes: ['violations'] })
  const { violations } = await page.evaluate<AxeResults>(`axe.run(${options})`)
  return violations.flatMap((it) => it.nodes.map((node) => `${it.id}: ${node.html.slice(0, 200)}`))
}

async function inDark(page: Page, look: () => Promise<string[]>): Promise<string[]> {
  await page.emulateMedia({ colorScheme: 'dark' })
  await page.locator('html.dark').waitFor()
  await inPage(page, 'still()')
  const found = await look()
  await page.emulateMedia({ colorScheme: 'light' })
  await page.locator('html:not(.dark)').waitFor()
  await inPage(page, 'still()')
  return found.map((it) => `dark: ${it}`)
}
