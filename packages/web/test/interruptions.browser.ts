import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type Pages, startPages } from './pages.ts'

let pages: Pages
beforeAll(async () => {
  pages = await startPages()
})
afterEach(() => pages.finish())
afterAll(() => pages.close())

async function makeAdmin() {
  const tenant = await pages.api.makeTenant()
  return { tenant, admin: await tenant.makeUser({ roles: ['admin_tenant'] }) }
}

test('a session that ends while a form is filled costs no text', async () => {
  const { tenant, admin } = await makeAdmin()
  const { page } = await pages.open(tenant, '/console/projects', admin, { expected: [401] })
  await page.getByRole('button', { name: 'New project' }).click()
  await page.getByLabel('Name').fill('Apollo')
  const path = `/api/members/${admin.id}/sessions`
  expect((await tenant.send({ method: 'DELETE', path, user: admin })).status).toBe(204)
  await page.getByRole('button', { name: 'Save' }).click()
  const dialog = page.getByRole('dialog', { name: 'Your session has ended' })
  await dialog.getByLabel('Password', { exact: true }).fill('wrong')
  await page.keyboard.press('Enter')
  await dialog.getByText('The e-mail address or the password is wrong.').waitFor()
  await dialog.getByLabel('Password', { exact: true }).fill(admin.password)
  await page.keyboard.press('Enter')
  await page.getByText('The project Apollo has been created.').waitFor()
  await page.getByRole('button', { name: /^Apollo/ }).waitFor()
})

test('a lost connection is shown, costs no text, and ends', async () => {
  const { tenant, admin } = await makeAdmin()
  const { page, context } = await pages.open(tenant, '/console/projects', admin, { expected: [0] })
  await page.getByRole('button', { name: 'New project' }).click()
  await page.getByLabel('Name').fill('Apollo')
  await context.setOffline(true)
  await page.getByRole('button', { name: 'Save' }).click()
  await page.getByRole('dialog').getByText('You are offline. Check your connection').waitFor()
  expect(await page.getByLabel('Name').inputValue()).toBe('Apollo')
  await context.setOffline(false)
  await page.getByRole('button', { name: 'Save' }).click()
  await page.getByText('The project Apollo has been created.').waitFor()
  await context.setOffline(true)
  await page.getByText('You are offline. Changes cannot be saved').waitFor()
  await context.setOffline(false)
})

test('a page that is opened offline says so, and is there after the connection', async () => {
  const { tenant, admin } = await makeAdmin()
  const { page, context } = await pages.open(tenant, '/console', admin, { expected: [0] })
  await pages.settled(page)
  await context.setOffline(true)
  await page.getByRole('link', { name: 'Roles' }).click()
  const state = page.getByRole('alert')
  await state.getByText('You are offline').first().waitFor()
  await page.getByRole('link', { name: 'Overview' }).click()
  await page.getByRole('heading', { level: 1 }).waitFor()
  await page.getByRole('link', { name: 'Roles' }).click()
  await context.setOffline(false)
  await state.getByRole('button', { name: 'Try again' }).click()
  await page.getByRole('heading', { name: 'Roles', level: 1 }).waitFor()
  await page.getByRole('link', { name: /Administrator/ }).waitFor()
})

test('a server that fails is shown with the id of the request, and asked again', async () => {
  const { tenant, admin } = await makeAdmin()
  const { page } = await pages.open(tenant, '/console', admin, { expected: [500, 503] })
  const body = JSON.stringify({ code: 'server.fault', detail: 'x', instance: 'request-1' })
  const contentType = 'application/problem+json'
  await page.route(/\/api\/members/, (route) => route.fulfill({ status: 500, contentType, body }))
  await page.getByRole('link', { name: 'Members' }).click()
  await page.getByText('The server reported an error').waitFor()
  await page.getByText('Reference: request-1').waitFor()
  await page.unroute(/\/api\/members/)
  await page.getByRole('button', { name: 'Try again' }).click()
  await page.getByRole('link', { name: new RegExp(admin.email) }).waitFor()
})

test('a page shows that it loads', async () => {
  const { tenant, admin } = await makeAdmin()
  const { page } = await pages.open(tenant, '/console', admin)
  let release = () => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  await page.route(/\/api\/members/, async (route) => {
    await held
    await route.continue()
  })
  await page.getByRole('link', { name: 'Members' }).click()
  await page.getByText('Loading').first().waitFor({ state: 'attached' })
  release()
  await page.getByRole('link', { name: new RegExp(admin.email) }).waitFor()
})
