import { randomBytes } from 'node:crypto'
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { inPage, type Pages, startPages } from './pages.ts'

let pages: Pages
beforeAll(async () => {
  pages = await startPages()
})
afterEach(() => pages.finish())
afterAll(() => pages.close())

const newAddress = () => `new-${randomBytes(6).toString('hex')}@example.com`

/** The path of the link in the newest mail. The mail names the origin of production. */
async function linkTo(email: string, count = 1): Promise<string> {
  const [mail] = await pages.api.mailsTo(email, count)
  const [link = ''] = /\/auth\/accept-invitation#token=[\w-]+/.exec(mail?.text ?? '') ?? []
  return link
}

async function makeTeam() {
  const tenant = await pages.api.makeTenant({ name: 'Acme Works' })
  return { tenant, admin: await tenant.makeUser({ roles: ['admin_tenant'] }) }
}

/** Sends the form of a page to which a link leads: its button acts only once the page has been in front for a moment. */
async function pressEnter(page: Page): Promise<void> {
  const submit = page.locator('button[type=submit]')
  await expect.poll(() => submit.getAttribute('aria-disabled')).toBeNull()
  await page.keyboard.press('Enter')
}

describe('an invitation', () => {
  test('is sent in the console, and accepted by a new person in another browser', async () => {
    const { tenant, admin } = await makeTeam()
    const email = newAddress()
    const { page } = await pages.open(tenant, '/console/members', admin)
    await page.getByRole('button', { name: 'Invite' }).click()
    await page.getByLabel('E-mail address').fill(email)
    await page.getByLabel('Message (optional)').fill('Welcome aboard')
    await page.getByRole('checkbox', { name: /^Operator/ }).click()
    await page.getByRole('button', { name: 'Send invitation' }).click()
    await page.getByText(`An invitation is on its way to ${email}.`).waitFor()
    await page.getByRole('heading', { name: 'Open invitations' }).waitFor()
    const invited = await pages.open(tenant, await linkTo(email), undefined, { expected: [401] })
    await invited.page.getByRole('heading', { name: 'Join Acme Works' }).waitFor()
    await invited.page.getByText('Welcome aboard').waitFor()
    expect(invited.page.url()).not.toContain('token')
    await invited.page.getByLabel('Your name').fill('Ann Lee')
    await invited.page.getByLabel('Choose a password').fill('correct horse battery staple')
    await pressEnter(invited.page)
    await invited.page.getByRole('heading', { level: 1, name: /Welcome, Ann/ }).waitFor()
    await page.reload()
    await page.getByRole('link', { name: /Ann Lee/ }).waitFor()
    expect(await page.getByRole('heading', { name: 'Open invitations' }).count()).toBe(0)
  })

  test('is sent again and revoked, and its link then says what to do', async () => {
    const { tenant, admin } = await makeTeam()
    const email = newAddress()
    const body = { email, roles: ['operator'] }
    await tenant.send({ method: 'POST', path: '/api/invitations', user: admin, body })
    const { page } = await pages.open(tenant, '/console/members', admin)
    const menu = () => page.getByRole('button', { name: `Actions for ${email}` }).click()
    await menu()
    await page.getByRole('menuitem', { name: 'Send again' }).click()
    await page.getByText(/An invitation is on its way/).waitFor()
    const link = await linkTo(email, 2)
    await menu()
    await page.getByRole('menuitem', { name: 'Revoke' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click()
    await page.getByText(/has been revoked/).waitFor()
    const view = { expected: [400, 401], locale: 'de-DE', phone: true, dark: true }
    const late = await pages.open(tenant, link, undefined, view)
    await late.page.getByText('Diese Einladung gilt nicht mehr').waitFor()
    expect(await inPage(late.page, 'overflow()')).toBeLessThanOrEqual(0)
  })

  test('for another person than the one who is signed in offers to sign out', async () => {
    const { tenant, admin } = await makeTeam()
    const person = await (await makeTeam()).tenant.makeUser()
    await pages.api.database.acrossTenants('test', (db) =>
      db
        .updateTable('tenantry.users')
        .set({ email_verified_at: new Date() })
        .where('id', '=', person.id)
        .execute(),
    )
    const body = { email: person.email, roles: ['operator'] }
    await tenant.send({ method: 'POST', path: '/api/invitations', user: admin, body })
    const { page } = await pages.open(tenant, await linkTo(person.email), admin, {
      expected: [401],
    })
    await page.getByText(`you are signed in as ${admin.email}`).waitFor()
    await page.getByRole('button', { name: 'Sign out and continue' }).click()
    await page.getByLabel('Password', { exact: true }).fill('not the password')
    await pressEnter(page)
    await page.getByText('The e-mail address or the password is wrong.').waitFor()
    await page.getByLabel('Password', { exact: true }).fill(person.password)
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { level: 1, name: /Welcome/ }).waitFor()
  })
})
