import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type Pages, startPages } from './pages.ts'

let pages: Pages
beforeAll(async () => {
  pages = await startPages()
})
afterEach(() => pages.finish())
afterAll(() => pages.close())

const view = { expected: [401, 422], dark: true, phone: true, locale: 'de-DE' }

test('a person deletes their account, who knows what will happen and has typed the address', async () => {
  const [tenant, other] = [await pages.api.makeTenant(), await pages.api.makeTenant()]
  const user = await tenant.makeUser({ roles: ['operator'] })
  const there = await other.makeUser({ email: user.email, password: user.password })
  const { page } = await pages.open(tenant, '/account', user, view)
  await page.getByRole('button', { name: 'Konto löschen' }).click()
  const dialog = page.getByRole('dialog', { name: 'Ihr Konto löschen?' })
  await dialog.getByText('sofort den Zugang zu 2 Arbeitsbereichen.').waitFor()
  await dialog.getByText('Nach 14 Tagen werden', { exact: false }).waitFor()
  const width = await page.evaluate<number>('document.documentElement.scrollWidth')
  expect(width).toBeLessThanOrEqual(375)
  const act = () => dialog.getByRole('button', { name: 'Konto löschen' }).click()
  await dialog.getByLabel('Aktuelles Passwort').fill('not the password')
  await act()
  await dialog.getByText('Geben Sie Ihre E-Mail-Adresse ein').waitFor()
  await dialog.getByRole('textbox', { name: user.email }).fill(user.email.toUpperCase())
  await act()
  await dialog.getByText('Das ist nicht Ihr aktuelles Passwort').waitFor()
  await dialog.getByLabel('Aktuelles Passwort').fill(user.password)
  await act()
  await page.getByText('Ihr Konto wurde gelöscht.', { exact: false }).waitFor()
  expect((await other.send({ path: '/api/auth/me', user: there })).status).toBe(401)
  await page.getByLabel('E-Mail-Adresse').fill(user.email)
  await page.getByLabel('Passwort', { exact: true }).fill(user.password)
  await page.keyboard.press('Enter')
  await page.getByRole('alert').waitFor()
})

test('the only owner of a workspace reads that it needs another owner first', async () => {
  const [tenant, other] = [await pages.api.makeTenant(), await pages.api.makeTenant()]
  const user = await tenant.makeUser({ roles: ['operator'] })
  await other.makeUser({ email: user.email, password: user.password, roles: ['admin_tenant'] })
  const { page } = await pages.open(tenant, '/account', user)
  await page.getByRole('button', { name: 'Delete account' }).click()
  const dialog = page.getByRole('dialog', { name: 'Delete your account?' })
  await dialog.getByText('You are the only owner of 1 workspace.', { exact: false }).waitFor()
  expect(await dialog.getByRole('button', { name: 'Delete account' }).count()).toBe(0)
})
