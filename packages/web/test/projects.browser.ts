import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { hostile, type Pages, startPages } from './pages.ts'

let pages: Pages
beforeAll(async () => {
  pages = await startPages()
})
afterEach(() => pages.finish())
afterAll(() => pages.close())

test("the app's own page creates, changes and deletes", async () => {
  const tenant = await pages.api.makeTenant()
  const manager = await tenant.makeUser({ roles: ['manager'] })
  const { page } = await pages.open(tenant, '/console/projects', manager, { expected: [409, 422] })
  await page.getByText('No projects yet').waitFor()
  for (const name of ['Apollo', hostile.markup]) {
    await page.getByRole('button', { name: 'New project' }).click()
    await page.getByLabel('Name').fill(name)
    await page.keyboard.press('Enter')
    await page.getByText(`The project ${name} has been created.`).waitFor()
  }
  await page.getByRole('button', { name: 'New project' }).click()
  await page.getByLabel('Name').fill('Apollo')
  await page.keyboard.press('Enter')
  await page.getByText('A project of this name exists').waitFor()
  await page.getByRole('button', { name: 'Cancel' }).click()
  await page.getByRole('button', { name: /^Apollo/ }).click()
  await page.getByLabel('Description').fill('To the moon')
  await page.getByRole('button', { name: 'Save' }).click()
  await page.getByText('To the moon').waitFor()
  await page.getByRole('button', { name: 'Actions for Apollo' }).click()
  await page.getByRole('menuitem', { name: 'Delete project' }).click()
  await page.getByLabel(/Type “Apollo”/).fill('Apollo')
  await page.getByRole('dialog').getByRole('button', { name: 'Delete project' }).click()
  await page.getByText('The project Apollo has been deleted.').waitFor()
  await page.getByText(hostile.markup, { exact: true }).first().waitFor()
})

test('a member who may only read sees no buttons', async () => {
  const tenant = await pages.api.makeTenant()
  const admin = await tenant.makeUser({ roles: ['admin_tenant'] })
  const body = { name: 'reader', permissions: ['projects:read'] }
  await tenant.send({ method: 'POST', path: '/api/roles', user: admin, body })
  await tenant.send({
    method: 'POST',
    path: '/api/projects',
    user: admin,
    body: { name: 'Apollo' },
  })
  const reader = await tenant.makeUser({ roles: ['reader'] })
  const { page } = await pages.open(tenant, '/console/projects', reader)
  await page.getByText('Apollo').waitFor()
  expect(await page.getByRole('button', { name: /New project|Actions for/ }).count()).toBe(0)
})
