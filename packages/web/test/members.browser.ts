import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { hostile, inPage, type Pages, startPages } from './pages.ts'

let pages: Pages
beforeAll(async () => {
  pages = await startPages()
})
afterEach(() => pages.finish())
afterAll(() => pages.close())

async function makeTeam() {
  const tenant = await pages.api.makeTenant()
  const admin = await tenant.makeUser({ roles: ['admin_tenant'] })
  const other = await tenant.makeUser({ roles: ['operator'], email: 'ann@example.com' })
  return { tenant, admin, other }
}

describe('an administrator', () => {
  test("changes a member's roles by keyboard, and finds it in the audit log", async () => {
    const { tenant, admin } = await makeTeam()
    const { page } = await pages.open(tenant, '/console/members', admin)
    await page.getByRole('link', { name: /ann@example.com/ }).press('Enter')
    await page.getByRole('button', { name: 'Change roles' }).press('Enter')
    const manager = page.getByRole('checkbox', { name: /^Manager/ })
    await manager.focus()
    await page.keyboard.press('Space')
    await page.keyboard.press('Enter')
    await page.getByText(/The roles of .* have been changed/).waitFor()
    await expect.poll(() => page.getByRole('dialog').count()).toBe(0)
    await page.getByRole('link', { name: 'Audit log' }).click()
    await page.getByRole('button', { name: /Changed a member/ }).click()
    await page.getByRole('dialog').getByText('members.update').waitFor()
    await page.keyboard.press('Escape')
    await expect.poll(() => page.getByRole('dialog').count()).toBe(0)
    const filter = page.getByRole('combobox', { name: 'Filter by action' })
    const asked = () => new URL(page.url()).search
    await filter.fill('changed a mem')
    await page.getByRole('option', { name: 'members.update' }).waitFor()
    await page.keyboard.press('Enter')
    await expect.poll(asked).toBe('?action=members.update')
    await page.getByRole('button', { name: /Changed a member/ }).waitFor()
    // An action that has no words here, as those of apps may.
    await filter.fill('rockets.launch')
    await page.getByRole('option', { name: 'Rockets: launch' }).waitFor()
    await page.keyboard.press('Enter')
    await expect.poll(asked).toBe('?action=rockets.launch')
    await page.getByText('No entry has this action and actor.').waitFor()
  })

  test('suspends, activates and removes a member', async () => {
    const { tenant, admin, other } = await makeTeam()
    const { page } = await pages.open(tenant, `/console/members/${other.id}`, admin)
    for (const act of ['Suspend', 'Activate']) {
      await page.getByRole('button', { name: act }).click()
      await page.getByRole('dialog').getByRole('button', { name: act }).click()
      await page
        .getByText(act === 'Suspend' ? /has been suspended/ : /has been activated/)
        .waitFor()
    }
    await page.getByRole('button', { name: 'Remove' }).click()
    const remove = page.getByRole('dialog').getByRole('button', { name: 'Remove' })
    expect(await remove.isDisabled()).toBe(true)
    await page.getByLabel(/Type “ann@example.com”/).fill('ann@example.com')
    await remove.click()
    await page.waitForURL(/\/console\/members$/)
    await page.getByText(/has been removed/).waitFor()
    await expect.poll(() => page.getByRole('link', { name: /ann@example.com/ }).count()).toBe(0)
  })

  test('searches by name, role and state, and the address keeps it', async () => {
    const { tenant, admin } = await makeTeam()
    const { page } = await pages.open(tenant, '/console/members', admin)
    await page.getByLabel('Search by name or e-mail').fill('ann@')
    await expect.poll(() => page.getByRole('row').count()).toBe(2)
    await page.getByLabel('Role', { exact: true }).selectOption('manager')
    await page.getByText('No matches').waitFor()
    expect(page.url()).toMatch(/q=ann%40/)
    await page.reload()
    await page.getByText('No matches').waitFor()
    await page.getByRole('button', { name: 'Clear filters' }).click()
    await expect.poll(() => page.getByRole('row').count()).toBe(3)
  })

  test('is asked before a change over that of another, and may reload or overwrite', async () => {
    const { tenant, admin, other } = await makeTeam()
    const { page } = await pages.open(tenant, `/console/members/${other.id}`, admin, {
      expected: [412],
    })
    for (const choice of ['Reload', 'Overwrite']) {
      await page.getByRole('button', { name: 'Change roles' }).click()
      await page.getByRole('checkbox', { name: /^Manager/ }).click()
      const path = `/api/members/${other.id}`
      const is_active = choice === 'Overwrite'
      await tenant.send({ method: 'PATCH', path, user: admin, body: { is_active } })
      await page.getByRole('button', { name: 'Save' }).click()
      await page.getByText('This was changed meanwhile').waitFor()
      await page.getByRole('button', { name: choice }).click()
      if (choice === 'Overwrite') break
      await expect.poll(() => page.getByText('This was changed meanwhile').count()).toBe(0)
      expect(await page.getByRole('checkbox', { name: /^Manager/ }).isChecked()).toBe(false)
      await page.getByRole('button', { name: 'Cancel' }).click()
    }
    await page.getByText(/The roles of .* have been changed/).waitFor()
    const { json } = await tenant.send({ path: `/api/members/${other.id}`, user: admin })
    expect(json.roles.sort()).toEqual(['manager', 'operator'])
  })

  test('sees why a member may do something, and what is missing', async () => {
    const { tenant, admin, other } = await makeTeam()
    const { page } = await pages.open(tenant, `/console/members/${other.id}`, admin)
    await page.getByLabel('Permission').selectOption('projects:create')
    await page.getByText(/may do this/).waitFor()
    await page.getByLabel('Permission').selectOption('members:delete')
    await page.getByText(/may not do this/).waitFor()
    await page.getByText(/These roles would grant it: .*Manager/).waitFor()
  })

  test('reads the names also on a tablet, beside the navigation', async () => {
    const { tenant, admin, other } = await makeTeam()
    const { page } = await pages.open(tenant, '/console/members', admin)
    await page.setViewportSize({ width: 768, height: 1024 })
    const name = page.getByRole('link', { name: new RegExp(other.email) })
    await expect.poll(async () => (await name.boundingBox())?.width).toBeGreaterThan(240)
  })

  test('sees hostile names as they are', async () => {
    const { tenant, admin } = await makeTeam()
    for (const full_name of Object.values(hostile)) {
      const user = await tenant.makeUser()
      const body = { full_name }
      await tenant.send({ method: 'PATCH', path: '/api/account', user, body })
    }
    const { page } = await pages.open(tenant, '/console/members', admin, { phone: true })
    for (const name of Object.values(hostile)) {
      await page.getByText(name, { exact: true }).first().waitFor()
    }
    expect(await page.locator('img').count()).toBe(0)
    expect(await inPage(page, 'overflow()')).toBeLessThanOrEqual(0)
  })
})

describe('a member without the permission', () => {
  test('sees no link to a page, and no page by its address', async () => {
    const tenant = await pages.api.makeTenant()
    const user = await tenant.makeUser()
    const { page } = await pages.open(tenant, '/console', user)
    await page.getByRole('heading', { level: 1 }).waitFor()
    expect(await page.getByRole('link', { name: 'Members' }).count()).toBe(0)
    for (const path of ['members', 'roles', 'audit-logs', 'projects', 'new-role']) {
      await page.goto(`${pages.originOf(tenant)}/console/${path}`)
      await page.getByText('You have no access to this page').waitFor()
    }
  })

  test('is shown that a page or a member does not exist', async () => {
    const { tenant, admin } = await makeTeam()
    const unknown = '/console/members/01a00000-0000-7000-8000-000000000000'
    const { page } = await pages.open(tenant, unknown, admin, { expected: [404] })
    await page.getByText('Not found', { exact: true }).waitFor()
    await page.goto(`${pages.originOf(tenant)}/console/no-such-page`)
    await page.getByText('Not found', { exact: true }).waitFor()
  })
})
