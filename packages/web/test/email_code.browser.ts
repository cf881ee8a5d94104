import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type Pages, startPages } from './pages.ts'

let pages: Pages
beforeAll(async () => {
  pages = await startPages({ EMAIL_VERIFICATION: 'required' })
})
afterEach(() => pages.finish())
afterAll(() => pages.close())

test('a person whose address is not verified signs in with a code from their mail', async () => {
  const tenant = await pages.api.makeTenant({ name: 'Acme' })
  const user = await tenant.makeUser()
  const view = { expected: [401, 403, 422], dark: true, phone: true, locale: 'de-DE' }
  const { page } = await pages.open(tenant, '/auth/sign-in?next=/account', undefined, view)
  const signIn = () => page.getByRole('button', { name: 'Anmelden', exact: true }).click()
  await page.getByLabel('E-Mail-Adresse').fill(user.email)
  await page.getByLabel('Passwort', { exact: true }).fill(user.password)
  await signIn()
  await page.getByText(`Ein Code ist unterwegs an ${user.email}.`, { exact: false }).waitFor()
  const code = page.getByLabel('Code aus der E-Mail')
  expect(await page.evaluate('document.activeElement.name')).toBe('email_code')
  // The first mail is of the sign-in by which the test made the user.
  const [mail] = await pages.api.mailsTo(user.email, 2)
  const digits = /^(\d{6})$/m.exec(mail?.text ?? '')?.[1] ?? ''
  await code.fill(digits === '000000' ? '000001' : '000000')
  await signIn()
  await page.getByText('Dieser Code ist falsch oder abgelaufen').waitFor()
  const width = await page.evaluate<number>('document.documentElement.scrollWidth')
  expect(width).toBeLessThanOrEqual(375)
  await code.fill(digits)
  await signIn()
  await page.getByRole('heading', { name: 'Ihr Konto' }).waitFor()
  await page.getByText('Bestätigt', { exact: true }).waitFor()
})
