import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type Pages, startPages } from './pages.ts'

let pages: Pages
beforeAll(async () => {
  pages = await startPages()
})
afterEach(() => pages.finish())
afterAll(() => pages.close())

async function makeTeam() {
  const tenant = await pages.api.makeTenant({ name: 'Acme Works' })
  return { tenant, admin: await tenant.makeUser({ roles: ['admin_tenant'] }) }
}

test('the first steps of a workspace are ticked off as they are done, and then gone', async () => {
  const { tenant, admin } = await makeTeam()
  const { page } = await pages.open(tenant, '/console', admin)
  await page.getByText('0 of 3 done').waitFor()
  await page.getByRole('button', { name: 'Invite', exact: true }).click()
  await page.getByLabel('E-mail address').fill('ann@acme.example')
  await page.getByRole('button', { name: 'Send invitation' }).click()
  await page.getByText('1 of 3 done').waitFor()
  await page.getByText('Invite somebody (Done)').waitFor()
  await page.getByRole('link', { name: 'Open settings' }).click()
  await page.getByRole('button', { name: '#0f766e' }).click()
  await page.getByRole('button', { name: 'Save' }).click()
  await page.getByText('The settings have been saved.').waitFor()
  await page.getByRole('link', { name: 'Overview' }).click()
  await page.getByText('2 of 3 done').waitFor()
  await page.getByRole('link', { name: 'Add domain' }).click()
  await page.getByRole('button', { name: 'Add domain' }).click()
  await page.getByLabel('Domain', { exact: true }).fill(`${tenant.subdomain}.example`)
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: `${tenant.subdomain}.example` }).waitFor()
  await page.getByRole('link', { name: 'Overview' }).click()
  await page.getByRole('heading', { name: 'Recent activity' }).waitFor()
  await pages.settled(page)
  expect(await page.getByText('Set up your workspace').count()).toBe(0)
})

test('an administrator hides the list, for the other administrators too', async () => {
  const { tenant, admin } = await makeTeam()
  const { page } = await pages.open(tenant, '/console', admin)
  await page.getByRole('button', { name: 'Hide this list' }).click()
  await page.getByText('The list is hidden for all administrators.').waitFor()
  await expect.poll(() => page.getByText('Set up your workspace').count()).toBe(0)
  const other = await tenant.makeUser({ roles: ['admin_tenant'] })
  const opened = await pages.open(tenant, '/console', other)
  await pages.settled(opened.page)
  expect(await opened.page.getByText('Set up your workspace').count()).toBe(0)
})
