import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type Pages, startPages } from './pages.ts'

let pages: Pages
beforeAll(async () => {
  pages = await startPages()
})
afterEach(() => pages.finish())
afterAll(() => pages.close())

async function makeMember() {
  const tenant = await pages.api.makeTenant()
  return { tenant, user: await tenant.makeUser({ roles: ['operator'] }) }
}

test('a name and a language are changed, and shown from then on', async () => {
  const { tenant, user } = await makeMember()
  const { page } = await pages.open(tenant, '/account', user)
  await page.getByLabel('Name').fill('Ann Lee')
  await page.getByLabel('Language').selectOption('de')
  await page.getByRole('button', { name: 'Save' }).click()
  await page.getByRole('heading', { name: 'Ihr Konto' }).waitFor()
  await page.getByText('Ihr Profil wurde geändert.').waitFor()
  await page.reload()
  await page.getByRole('heading', { name: 'Ihr Konto' }).waitFor()
  await page.getByRole('button', { name: /Ann Lee/ }).waitFor()
  expect(await page.evaluate('document.documentElement.lang')).toBe('de')
})

test('a password is changed with the current one, which ends other sessions', async () => {
  const { tenant, user } = await makeMember()
  const { page } = await pages.open(tenant, '/account', user, { expected: [401, 422, 403] })
  await page.getByLabel('Current password').fill('not the password')
  await page.getByLabel('New password').fill('seven purple lamps')
  await page.getByRole('button', { name: 'Change password' }).click()
  await page.getByText('This is not your current password').waitFor()
  expect(await page.getByLabel('New password').inputValue()).toBe('seven purple lamps')
  await page.getByLabel('Current password').fill(user.password)
  await page.getByRole('button', { name: 'Change password' }).click()
  await page.getByText('Your password has been changed').waitFor()
  expect((await tenant.send({ path: '/api/auth/me', user })).status).toBe(401)
})

test('a session that one browser ends is over in the other at its next click', async () => {
  const { tenant, user } = await makeMember()
  const other = await pages.open(tenant, '/console', user, { expected: [401] })
  const { page } = await pages.open(tenant, '/account', user)
  await page.getByRole('button', { name: 'End all others' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'End all others' }).click()
  await page.getByText('All other sessions have ended.').waitFor()
  await other.page.getByRole('link', { name: 'Projects' }).click()
  await other.page.getByRole('dialog', { name: 'Your session has ended' }).waitFor()
})

test('dark mode is chosen once, and there before the first paint', async () => {
  const { tenant, user } = await makeMember()
  const { page } = await pages.open(tenant, '/console', user)
  await page.getByRole('button', { name: new RegExp(user.email) }).click()
  await page.getByRole('menuitem', { name: 'Appearance and language' }).click()
  await page.getByLabel('Appearance', { exact: true }).selectOption('dark')
  await page.getByRole('button', { name: 'Done' }).click()
  // The modules never arrive: only the blocking script can have set it.
  await page.route(/\/assets\/(?!theme)[^/]*\.js$/, () => {})
  await page.goto(`${pages.originOf(tenant)}/auth/sign-in`, { waitUntil: 'commit' })
  await expect.poll(() => page.evaluate('document.documentElement.className')).toBe('dark')
})
