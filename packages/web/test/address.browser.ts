import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type Pages, startPages } from './pages.ts'

let pages: Pages
beforeAll(async () => {
  pages = await startPages()
})
afterEach(() => pages.finish())
afterAll(() => pages.close())

async function linkTo(email: string, count: number): Promise<string> {
  const [mail] = await pages.api.mailsTo(email, count)
  return /\/auth\/verify#purpose=\w+&token=[\w-]+/.exec(mail?.text ?? '')?.[0] ?? ''
}

test('a person verifies their address, and changes it from the new mailbox', async () => {
  const tenant = await pages.api.makeTenant({ name: 'Acme Works' })
  const user = await tenant.makeUser()
  const { page } = await pages.open(tenant, '/account', user, { expected: [401] })
  await page.getByRole('button', { name: 'Verify' }).click()
  await page.getByText(`A mail is on its way to ${user.email}.`).waitFor()
  const mailed = await pages.open(tenant, await linkTo(user.email, 1), user, {
    expected: [401],
  })
  await mailed.page.getByRole('button', { name: 'Confirm the address' }).click()
  await mailed.page.getByText(`${user.email} is confirmed.`).waitFor()
  await page.reload()
  await page.getByText('Verified', { exact: true }).waitFor()
  await page.getByRole('button', { name: 'Change the address' }).click()
  const email = `new-${user.email}`
  await page.getByLabel('New e-mail address').fill(email)
  await page.getByRole('dialog').getByLabel('Current password').fill(user.password)
  await page.keyboard.press('Enter')
  await page.getByText(`A mail is on its way to ${email}.`).waitFor()
  const link = await linkTo(email, 1)
  const view = { expected: [400], dark: true, phone: true, locale: 'de-DE' }
  const changing = await pages.open(tenant, link, undefined, view)
  expect(changing.page.url()).not.toContain('token')
  await changing.page.getByRole('button', { name: 'Adresse ändern' }).click()
  await changing.page.getByText(`Ihr Konto verwendet jetzt ${email}.`, { exact: false }).waitFor()
  const again = await pages.open(tenant, link, undefined, { expected: [400] })
  await again.page.getByRole('button', { name: 'Change the address' }).click()
  await again.page.getByText('This link no longer works').waitFor()
})
