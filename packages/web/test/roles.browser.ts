import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type Pages, startPages } from './pages.ts'

let pages: Pages
beforeAll(async () => {
  pages = await startPages()
})
afterEach(() => pages.finish())
afterAll(() => pages.close())

test('a role is created with the matrix, changed and deleted', async () => {
  const tenant = await pages.api.makeTenant()
  const admin = await tenant.makeUser({ roles: ['admin_tenant'] })
  const { page } = await pages.open(tenant, '/console/roles', admin, { expected: [422] })
  await page.getByRole('link', { name: 'New role' }).click()
  await page.getByLabel('Name').fill('Support Team')
  await page.getByRole('checkbox', { name: 'Projects: Read' }).click()
  await page.getByRole('button', { name: 'Create role' }).click()
  await page.getByText('Use small letters, digits and underscores, beginning').waitFor()
  await page.getByLabel('Name').fill('support_team')
  await page.getByRole('button', { name: 'Create role' }).click()
  await page.getByRole('heading', { name: 'support_team' }).waitFor()
  await page.getByRole('checkbox', { name: 'Members: Read' }).click()
  await page.getByRole('button', { name: 'Save' }).click()
  await page.getByText('The role support_team has been changed.').waitFor()
  const { json } = await tenant.send({ path: '/api/roles', user: admin })
  expect(json.items[0].permissions.sort()).toEqual(['members:read', 'projects:read'])
  await page.getByText('No member has this role.').waitFor()
  await page.getByRole('button', { name: 'Delete role' }).click()
  await page.getByLabel(/Type “support_team”/).fill('support_team')
  await page.getByRole('dialog').getByRole('button', { name: 'Delete role' }).click()
  await page.getByText('The role support_team has been deleted.').waitFor()
})

test('system roles and permissions have words in the language of the page, and custom roles their own', async () => {
  const tenant = await pages.api.makeTenant()
  const admin = await tenant.makeUser({ roles: ['admin_tenant'] })
  const body = { name: 'support', description: 'Reads everything', permissions: ['projects:read'] }
  await tenant.send({ method: 'POST', path: '/api/roles', user: admin, body })
  for (const [locale, name, described, permission] of [
    ['en-GB', 'Operator', 'Reads everything, works on projects', 'Projects: Create: granted'],
    ['de', 'Mitarbeit', 'Sieht alles, arbeitet an Projekten', 'Projekte: Anlegen: gegeben'],
  ] as const) {
    const { page } = await pages.open(tenant, '/console/roles', admin, { locale })
    await page.getByText(described, { exact: true }).waitFor()
    await page.getByText('Reads everything', { exact: true }).waitFor()
    await page.getByRole('link', { name: new RegExp(`^${name}`) }).click()
    await page.getByRole('heading', { name, level: 1 }).waitFor()
    await page.getByText(described, { exact: true }).waitFor()
    await page.getByRole('img', { name: permission, exact: true }).waitFor()
  }
})

test('a member cannot grant what they do not hold', async () => {
  const tenant = await pages.api.makeTenant()
  const admin = await tenant.makeUser({ roles: ['admin_tenant'] })
  const body = { name: 'role_maker', permissions: ['roles:read', 'roles:create', 'projects:read'] }
  await tenant.send({ method: 'POST', path: '/api/roles', user: admin, body })
  const maker = await tenant.makeUser({ roles: ['role_maker'] })
  const { page } = await pages.open(tenant, '/console/new-role', maker)
  await page.getByRole('checkbox', { name: 'Projects: Read' }).waitFor()
  expect(await page.getByRole('checkbox', { name: 'Projects: Read' }).isDisabled()).toBe(false)
  expect(await page.getByRole('checkbox', { name: 'Projects: Delete' }).isDisabled()).toBe(true)
})

test('a system role shows what it grants, and cannot be changed', async () => {
  const tenant = await pages.api.makeTenant()
  const admin = await tenant.makeUser({ roles: ['admin_tenant'] })
  const { page } = await pages.open(tenant, '/console/roles/operator', admin)
  await page.getByRole('img', { name: 'Projects: Create: granted', exact: true }).waitFor()
  await page.getByRole('img', { name: 'Projects: Delete: not granted', exact: true }).waitFor()
  expect(await page.getByRole('button', { name: 'Save' }).count()).toBe(0)
})
