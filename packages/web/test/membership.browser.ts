import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type Pages, startPages } from './pages.ts'

let pages: Pages
beforeAll(async () => {
  pages = await startPages()
})
afterEach(() => pages.finish())
afterAll(() => pages.close())

test('the last owner cannot leave, transfers the ownership, and leaves', async () => {
  const tenant = await pages.api.makeTenant({ name: 'Acme' })
  const owner = await tenant.makeUser({ roles: ['admin_tenant'] })
  const heir = await tenant.makeUser({ roles: ['operator'] })
  const { page } = await pages.open(tenant, '/account', owner, { expected: [401, 403, 409, 422] })
  const leave = async () => {
    await page.getByRole('button', { name: 'Leave workspace' }).click()
    const dialog = page.getByRole('dialog', { name: 'Leave Acme?' })
    const act = dialog.getByRole('button', { name: 'Leave workspace' })
    expect(await act.isDisabled()).toBe(true)
    await dialog.getByRole('textbox').fill('Acme')
    await act.click()
    return dialog
  }
  const dialog = await leave()
  await dialog.getByText('This is the last owner of the workspace.').waitFor()
  await dialog.getByRole('button', { name: 'Cancel' }).click()

  await page.getByRole('link', { name: 'Transfer ownership' }).click()
  const transfer = page.getByRole('button', { name: 'Transfer ownership' })
  await transfer.waitFor()
  expect(await transfer.isDisabled()).toBe(true)
  await page.getByRole('combobox', { name: 'Member' }).fill(heir.email.slice(0, 8))
  await page.getByRole('option', { name: new RegExp(heir.email) }).click()
  await page.getByText('gets your role Administrator').waitFor()
  await transfer.click()
  await page.getByText('Enter a value').waitFor()
  await page.getByLabel('Current password').fill('not the password')
  await transfer.click()
  await page.getByText('This is not your current password').waitFor()
  await page.getByLabel('Current password').fill(owner.password)
  await transfer.click()
  await page.getByText('Acme has a new owner.').waitFor()
  const me = await tenant.send({ path: '/api/auth/me', user: heir })
  expect(me.json.roles).toEqual(['admin_tenant', 'operator'])

  await page.goto(`${pages.originOf(tenant)}/account`)
  await page.getByRole('heading', { name: 'Membership' }).waitFor()
  expect(await page.getByRole('link', { name: 'Transfer ownership' }).count()).toBe(0)
  await leave()
  await page.getByText('You have left the workspace.').waitFor()
  expect((await tenant.send({ path: '/api/auth/me', user: owner })).status).toBe(401)
  const left = await tenant.send({ path: '/api/members', user: heir })
  expect(left.json.items).toHaveLength(1)
})
