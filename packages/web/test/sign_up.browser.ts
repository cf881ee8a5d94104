import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import type { AxeResults } from 'axe-core'
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { TestTenant } from '../../server/src/testing.ts'
import { inPage, type Pages, shoot, startPagesWithHosts, type View } from './pages.ts'
import { foreignTexts, pseudoLocale } from './pseudo_locale.ts'

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

let pages: Pages
beforeAll(async () => {
  pages = await startPagesWithHosts({
    SIGN_UP: 'on',
    TERMS_URL: 'https://example.com/terms',
  })
})
afterEach(() => pages.finish())
afterAll(() => pages.close())

const unique = () => randomBytes(5).toString('hex')
const PASSWORD = 'correct horse battery staple'
// Only the host of a tenant matters to a page.
const appHost = { subdomain: 'app' } as TestTenant
const open = (path = '/auth/sign-up', view?: View) => pages.open(appHost, path, undefined, view)

async function mailTo(email: string, count = 1) {
  const [mail] = await pages.api.mailsTo(email, count)
  const [link = ''] = /\/auth\/sign-up#\S+/.exec(mail?.text ?? '') ?? []
  const [code = ''] = /^\d{6}$/m.exec(mail?.text ?? '') ?? []
  return { code, link }
}

async function begin(page: Page, email: string, name: string): Promise<void> {
  await page.getByLabel('E-mail address').fill(email)
  await page.getByLabel('Name of the workspace').fill(name)
  await page.getByText('This address is free').waitFor({ state: 'attached' })
  await page.getByRole('checkbox', { name: /accept the terms/ }).check()
  await page.getByRole('button', { name: 'Continue' }).click()
}

describe('sign-up', () => {
  test('leads from an address to a workspace, with the code of the mail', async () => {
    const [email, name] = [`ann-${unique()}@example.com`, `Büro ${unique()}`]
    // `/` leads to it.
    const { page } = await open('/')
    await page.getByRole('heading', { name: 'Create your workspace' }).waitFor()
    await begin(page, email, name)
    await page.getByText(`A code is on its way to ${email}.`).waitFor()
    await shoot(page, 'code')
    const { code } = await mailTo(email)
    await page.getByLabel('Code from the mail').fill(`${code.slice(0, 3)} ${code.slice(3)}`)
    await page.getByRole('button', { name: 'Confirm' }).click()
    await page.getByLabel('Your name').fill('Ann Lee')
    await page.getByLabel('Choose a password').fill(PASSWORD)
    await shoot(page, 'owner')
    await page.getByRole('button', { name: 'Create workspace' }).click()
    await page.waitForURL(/http:\/\/buro-\w+\.localhost:\d+\/console/)
    await page.getByRole('heading', { level: 1, name: /Welcome, Ann/ }).waitFor()
    await shoot(page, 'console')
    expect(await page.evaluate('JSON.stringify(sessionStorage)')).toBe('{}')
  })

  test('goes on in another browser with the link of the mail, whose secret leaves the address', async () => {
    const email = `bob-${unique()}@example.com`
    const { page } = await open()
    await begin(page, email, `Works ${unique()}`)
    await page.getByText(`A code is on its way to ${email}.`).waitFor()
    const other = await open((await mailTo(email)).link)
    await other.page.getByRole('heading', { name: 'Set up your account' }).waitFor()
    expect(other.page.url()).not.toContain('token')
    await other.page.getByLabel('Choose a password').fill(PASSWORD)
    await other.page.keyboard.press('Enter')
    await other.page.waitForURL(/\/console/)
    await other.page.getByRole('heading', { level: 1, name: /Welcome/ }).waitFor()
    const again = await open((await mailTo(email)).link, { expected: [400] })
    await again.page.getByRole('heading', { name: 'This link no longer works' }).waitFor()
  })

  test('says at the field what is wrong, and takes another code', async () => {
    const email = `eve-${unique()}@example.com`
    const { page } = await open('/auth/sign-up', { expected: [400, 422] })
    await page.getByRole('button', { name: 'Continue' }).click()
    await page.getByText('Enter an e-mail address, such as').waitFor()
    await page.getByText('Accept the terms to continue').waitFor()
    const address = page.getByLabel('Address', { exact: true })
    for (const [name, text] of [
      ['www', 'This address is reserved'],
      ['4711', 'Use letters, digits and hyphens, and not digits alone'],
    ] as const) {
      await address.fill(name)
      await page.getByText(text).waitFor()
    }
    const taken = await pages.api.makeTenant()
    await address.fill(taken.subdomain)
    await page.getByText('This address is taken').waitFor()
    await address.fill('')
    await begin(page, email, 'x')
    await page.getByLabel('Code from the mail').fill('000000')
    await page.getByRole('button', { name: 'Confirm' }).click()
    await page.getByText('This code is wrong or has expired.').waitFor()
    await page.getByRole('button', { name: 'Send another code' }).click()
    await page.getByText('Another code is on its way.').waitFor()
    const { code } = await mailTo(email, 2)
    await page.getByLabel('Code from the mail').fill(code)
    await page.getByRole('button', { name: 'Confirm' }).click()
    await page.getByLabel('Choose a password').fill('short')
    await page.keyboard.press('Enter')
    await page.getByText('Use at least 8 characters').waitFor()
  })

  test('offers another address if the first was taken meanwhile', async () => {
    const [email, subdomain] = [`kim-${unique()}@example.com`, `kim-${unique()}`]
    const { page } = await open('/auth/sign-up', { expected: [409] })
    await begin(page, email, subdomain)
    await page.getByLabel('Code from the mail').fill((await mailTo(email)).code)
    await page.getByRole('button', { name: 'Confirm' }).click()
    await page.getByLabel('Choose a password').fill(PASSWORD)
    await pages.api.database.acrossTenants('test', (db) =>
      db
        .insertInto('tenantry.tenants')
        .values({
          id: crypto.randomUUID(),
          name: 'First',
          subdomain,
          code: subdomain.slice(4).toUpperCase(),
        })
        .execute(),
    )
    await page.keyboard.press('Enter')
    await page.getByText('This address was taken meanwhile.').waitFor()
    await page.getByLabel('Address', { exact: true }).fill(`${subdomain}-2`)
    await page.getByRole('button', { name: 'Create workspace' }).click()
    await page.waitForURL(new RegExp(`http://${subdomain}-2\\.localhost:\\d+/console`))
    await page.getByRole('heading', { level: 1, name: /Welcome/ }).waitFor()
  })

  test('of a person with an account leads to the sign-in of the new workspace', async () => {
    const user = await (await pages.api.makeTenant()).makeUser()
    await pages.api.database.acrossTenants('test', (db) =>
      db
        .updateTable('tenantry.users')
        .set({ email_verified_at: new Date() })
        .where('id', '=', user.id)
        .execute(),
    )
    const name = `Works ${unique()}`
    const { page } = await open()
    await begin(page, user.email, name)
    await page.getByLabel('Code from the mail').fill((await mailTo(user.email)).code)
    await page.getByRole('button', { name: 'Confirm' }).click()
    await page.getByText(`You have an account with ${user.email}.`).waitFor()
    await page.getByRole('button', { name: 'Create workspace' }).click()
    await page.getByRole('heading', { name: `${name} is ready` }).waitFor()
    await shoot(page, 'done')
    await page.getByRole('link', { name: 'Go to your workspace' }).click()
    await page.getByLabel('E-mail address').fill(user.email)
    await page.getByLabel('Password', { exact: true }).fill(user.password)
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { level: 1, name: /Welcome/ }).waitFor()
  })

  test('is no page of a workspace', async () => {
    const tenant = await pages.api.makeTenant()
    const { page } = await pages.open(tenant, '/auth/sign-up', undefined, { expected: [404] })
    await page.getByRole('heading', { name: 'Page not found' }).waitFor()
  })
})

describe('a person who has forgotten where their workspace is', () => {
  test.each([
    ['en', {}, 'Find your existing workspace', 'E-mail address', 'Send mail', 'Your workspaces'],
    [
      'de-dark-phone',
      { locale: 'de-DE', dark: true, phone: true },
      'Bestehenden Arbeitsbereich finden',
      'E-Mail-Adresse',
      'E-Mail senden',
      'Ihre Arbeitsbereiche',
    ],
  ] as const)('gets it by mail: %s', async (name, view, link, address, send, subject) => {
    const tenant = await pages.api.makeTenant({ name: 'Globex' })
    const user = await tenant.makeUser()
    const { page } = await open('/auth/sign-up', view)
    await page.getByRole('link', { name: link }).click()
    const look = async (step: number) => {
      await pages.settled(page)
      await shoot(page, `find-${name}-${step}`)
      expect(await inPage(page, 'overflow()')).toBeLessThanOrEqual(0)
      expect(await violations(page)).toEqual([])
    }
    await page.getByLabel(address).waitFor()
    await look(1)
    await page.keyboard.press('Enter')
    await page.getByText(/ anna?@example\.com/).waitFor()
    await page.getByLabel(address).fill(user.email)
    await page.getByRole('button', { name: send }).click()
    await page.getByText(user.email).waitFor()
    const known = await page.locator('main').innerText()
    await look(2)
    const [mail] = await pages.api.mailsTo(user.email)
    expect(mail?.subject).toContain(subject)
    expect(mail?.text).toContain(`${pages.originOf(tenant)}/`)
    // The page says the same of an address without an account.
    const unknown = `${unique()}@example.com`
    await page
      .getByRole('button')
      .filter({ hasText: /another|Andere/i })
      .click()
    await page.getByLabel(address).fill(unknown)
    await page.keyboard.press('Enter')
    await page.getByText(unknown).waitFor()
    expect(await page.locator('main').innerText()).toBe(known.replace(user.email, unknown))
  })

  test('is led there from the sign-in, which APP_HOST does not have', async () => {
    for (const path of ['/auth', '/auth/sign-in?next=%2Fconsole', '/auth/forgot-password']) {
      const { page } = await open(path)
      await page.getByRole('heading', { name: 'Find your workspace' }).waitFor()
      expect(new URL(page.url()).pathname).toBe('/auth/find-workspace')
    }
    const tenant = await pages.api.makeTenant()
    const { page } = await pages.open(tenant, '/auth/find-workspace', undefined, {
      expected: [404],
    })
    await page.getByRole('heading', { name: 'Page not found' }).waitFor()
  })
})

describe('the pages of sign-up', () => {
  async function walk(page: Page, look: () => Promise<void>, words = english): Promise<void> {
    const email = `${unique()}@example.com`
    await look()
    await page.getByLabel(words.email).fill(email)
    await page.getByLabel(words.name).fill(`W ${unique()}`)
    await page.getByText(words.free).waitFor({ state: 'attached' })
    await page.getByRole('checkbox').check()
    await look()
    await page.getByRole('button', { name: words.next }).click()
    await page.getByLabel(words.code).waitFor()
    await look()
    await page.getByLabel(words.code).fill((await mailTo(email)).code)
    await page.getByRole('button', { name: words.confirm }).click()
    await page.getByLabel(words.password).fill(PASSWORD)
    await look()
    await page.keyboard.press('Enter')
    await page.waitForURL(/\/console/)
  }

  test.each([
    ['en', {}],
    ['en-dark-phone', { dark: true, phone: true }],
    ['de-phone', { locale: 'de-DE', phone: true }],
  ] as const)(
    'are accessible and fit: %s',
    async (name, view) => {
      const { page } = await open('/auth/sign-up', view)
      const words = name.startsWith('de') ? german : english
      let step = 0
      await pages.settled(page)
      await walk(
        page,
        async () => {
          step += 1
          await inPage(page, 'still()')
          await shoot(page, `${name}-${step}`)
          expect(await inPage(page, 'overflow()')).toBeLessThanOrEqual(0)
          expect(await violations(page)).toEqual([])
        },
        words,
      )
    },
    60_000,
  )

  test('have each text from the catalogue, and none is cut', async () => {
    const { page } = await open()
    await pseudoLocale(page)
    await page.reload()
    await pages.settled(page)
    // The host of the test, and the words after the link in a sentence.
    const found = (await foreignTexts(page)).filter((it) => !/\.localhost:\d+$|: ñandú/.test(it))
    expect(found).toEqual([])
  })
})

const english = {
  email: 'E-mail address',
  name: 'Name of the workspace',
  free: 'This address is free',
  next: 'Continue',
  code: 'Code from the mail',
  confirm: 'Confirm',
  password: 'Choose a password',
}
const german = {
  email: 'E-Mail-Adresse',
  name: 'Name des Arbeitsbereichs',
  free: 'Diese Adresse ist frei',
  next: 'Weiter',
  code: 'Code aus der E-Mail',
  confirm: 'Bestätigen',
  password: 'Passwort wählen',
}

async function violations(page: Page): Promise<string[]> {
  if (!(await page.evaluate('"axe" in window'))) await page.evaluate(axe)
  const { violations } = await page.evaluate<AxeResults>(`axe.run({ resultTypes: ['violations'] })`)
  return violations.flatMap((it) => it.nodes.map((node) => `${it.id}: ${node.html.slice(0, 200)}`))
}
