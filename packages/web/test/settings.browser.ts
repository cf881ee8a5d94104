import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import type { AxeResults } from 'axe-core'
import type { FileChooser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { testPng } from '../../server/src/testing/sweeps/world/test_image.ts'
import type { TestTenant, TestUser } from '../../server/src/testing.ts'
import { inPage, type Pages, startPages } from './pages.ts'

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

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

const changeAs = (tenant: TestTenant, user: TestUser, body: object) =>
  tenant.send({ method: 'PATCH', path: '/api/tenant', user, body })
const save = (page: Page) => page.getByRole('button', { name: 'Save' }).click()
const accent = (page: Page) =>
  page.evaluate<string>(`getComputedStyle(document.documentElement).getPropertyValue('--accent')`)
const file = (buffer: Buffer, name = 'logo.png', mimeType = 'image/png') => ({
  name,
  mimeType,
  buffer,
})

test('name, colour, language and notice are previewed, stored and shown to everyone', async () => {
  const { tenant, admin } = await makeTeam()
  const { page } = await pages.open(tenant, '/console', admin)
  await page.getByRole('link', { name: 'Settings', exact: true }).click()
  const before = await accent(page)
  await page.getByLabel('Name', { exact: true }).fill('Acme Inc.')
  await page.getByLabel('Colour', { exact: true }).fill('#0F766E')
  await expect.poll(() => accent(page)).toBe('#0f766e')
  await page.getByLabel('Notice at sign-in').fill('For staff only.\nActivity is logged.')
  await page.getByText('For staff only. Activity is logged.').nth(1).waitFor()
  await page.getByLabel('Language').selectOption('de')
  await page.getByRole('button', { name: 'Discard' }).click()
  await expect.poll(() => accent(page)).toBe(before)
  expect(await page.getByLabel('Name', { exact: true }).inputValue()).toBe('Acme Works')
  await page.getByLabel('Name', { exact: true }).fill('Acme Inc.')
  await page.getByRole('button', { name: '#0f766e' }).click()
  await page.getByLabel('Notice at sign-in').fill('For staff only.')
  await save(page)
  await page.getByText('The settings have been saved.').waitFor()
  await page.getByRole('complementary').getByText('Acme Inc.').waitFor()
  const visitor = await pages.open(tenant, '/auth/sign-in')
  await visitor.page.getByText('For staff only.').waitFor()
  await visitor.page.getByText('Acme Inc.').waitFor()
  expect(await accent(visitor.page)).toBe('#0f766e')
  // From the last visit, before the server has answered.
  await visitor.page.route('**/api/branding', () => new Promise(() => {}))
  await visitor.page.reload()
  await visitor.page.getByRole('heading', { name: 'Sign in' }).waitFor()
  expect(await accent(visitor.page)).toBe('#0f766e')
})

test('a colour that is left without saving is gone with the page', async () => {
  const { tenant, admin } = await makeTeam()
  const { page } = await pages.open(tenant, '/console/settings', admin)
  await page.getByLabel('Colour', { exact: true }).waitFor()
  const before = await accent(page)
  await page.getByLabel('Colour', { exact: true }).fill('#be185d')
  await expect.poll(() => accent(page)).toBe('#be185d')
  await page.getByRole('link', { name: 'Members' }).click()
  await expect.poll(() => accent(page)).toBe(before)
})

test('what cannot be stored is said at its field, and what was typed stays', async () => {
  const { tenant, admin } = await makeTeam()
  const { page } = await pages.open(tenant, '/console/settings', admin, { expected: [422] })
  const color = page.getByLabel('Colour', { exact: true })
  await color.fill('red')
  await page.getByLabel('Name', { exact: true }).fill(' ')
  await save(page)
  await page.getByText('Enter a colour such as #0f766e').waitFor()
  await page.getByText('Enter a value').waitFor()
  expect(await page.getByLabel('Name', { exact: true }).getAttribute('aria-invalid')).toBe('true')
  await color.fill('')
  await page.getByLabel('Name', { exact: true }).fill('Acme\u202e')
  await save(page)
  await page.getByText('Use one line, without invisible characters').waitFor()
})

test('a change that was made meanwhile is reloaded or overwritten', async () => {
  const { tenant, admin } = await makeTeam()
  const { page } = await pages.open(tenant, '/console/settings', admin, { expected: [412] })
  const name = page.getByLabel('Name', { exact: true })
  await name.fill('Mine')
  await changeAs(tenant, admin, { name: 'Theirs' })
  await save(page)
  await page.getByText('This was changed meanwhile').waitFor()
  await page.getByRole('button', { name: 'Reload' }).click()
  await expect.poll(() => name.inputValue()).toBe('Theirs')
  await name.fill('Mine')
  await changeAs(tenant, admin, { name: 'Theirs again' })
  await save(page)
  await page.getByRole('button', { name: 'Overwrite' }).click()
  await page.getByText('The settings have been saved.').waitFor()
  await expect.poll(() => name.inputValue()).toBe('Mine')
})

test('a logo is chosen, replaced, shown and removed, by the keyboard too', async () => {
  const { tenant, admin } = await makeTeam()
  const { page } = await pages.open(tenant, '/console/settings', admin)
  const dialogs: FileChooser[] = []
  page.on('filechooser', (it) => dialogs.push(it))
  await page.getByLabel('Name', { exact: true }).fill('Typed before')
  const input = page.getByLabel('Choose an image, or drop it here')
  await input.focus()
  await page.keyboard.press('Enter')
  await expect.poll(() => dialogs.length).toBe(1)
  await dialogs[0]?.setFiles(file(testPng()))
  await page.getByText('The logo has been saved.').waitFor()
  await page.getByRole('img', { name: 'Logo of Acme Works' }).waitFor()
  await page.getByText('64 × 64 pixels').waitFor()
  expect(await page.getByLabel('Name', { exact: true }).inputValue()).toBe('Typed before')
  // It made no newer version of what the form has read.
  await save(page)
  await page.getByText('The settings have been saved.').waitFor()
  const wide = file(testPng({ width: 300, height: 60 }))
  await page.getByLabel('Choose another image, or drop it here').setInputFiles(wide)
  await page.getByText('300 × 60 pixels').waitFor()
  const visitor = await pages.open(tenant, '/auth/sign-in')
  await visitor.page.getByRole('img', { name: 'Typed before' }).waitFor()
  const width = () => visitor.page.evaluate(`document.querySelector('main img').naturalWidth`)
  await expect.poll(width).toBe(300)
  await page.getByRole('button', { name: 'Remove' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click()
  await page.getByText('The logo has been removed.').waitFor()
  await page.getByLabel('Choose an image, or drop it here').waitFor()
})

test('an SVG and a photograph become an image that the server takes, and text becomes none', async () => {
  const { tenant, admin } = await makeTeam()
  const { page } = await pages.open(tenant, '/console/settings', admin)
  const input = page.locator('input[type=file]')
  const svg =
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 200 50" width="200" height="50"><rect width="200" height="50" fill="#0f766e"/><script>alert(1)</script></svg>'
  await input.setInputFiles(file(Buffer.from(svg), 'logo.svg', 'image/svg+xml'))
  await page.getByText('800 × 200 pixels').waitFor()
  await input.setInputFiles(file(testPng({ width: 3_000, height: 1_500 })))
  await page.getByText('640 × 320 pixels').waitFor()
  await input.setInputFiles(file(Buffer.from('hello'), 'hello.png'))
  await page.getByText('This file is no image that can be used as a logo.').waitFor()
  await page.getByText('640 × 320 pixels').waitFor()
})

test('a file is dropped on its area', async () => {
  const { tenant, admin } = await makeTeam()
  const { page } = await pages.open(tenant, '/console/settings', admin)
  await page.getByText('Choose an image, or drop it here').waitFor()
  await page.evaluate(`
    const bytes = Uint8Array.from(atob('${testPng().toString('base64')}'), (it) => it.charCodeAt(0))
    const dataTransfer = new DataTransfer()
    dataTransfer.items.add(new File([bytes], 'logo.png', { type: 'image/png' }))
    const area = document.querySelector('input[type=file]').parentElement
    for (const type of ['dragover', 'drop']) {
      area.dispatchEvent(new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true }))
    }`)
  await page.getByText('The logo has been saved.').waitFor()
})

// accent.test.ts has all the others.
test.each(['#000000', '#facc15'])(
  'with the colour %s the pages stay readable, light and dark, in German and on a phone',
  async (color) => {
    const { tenant, admin } = await makeTeam()
    await changeAs(tenant, admin, { color, notice: 'Nur für Mitarbeitende. '.repeat(10).trim() })
    const logo = new Blob([new Uint8Array(testPng())], { type: 'image/png' })
    await tenant.send({ method: 'PUT', path: '/api/tenant/logo', user: admin, body: logo })
    for (const dark of [false, true]) {
      const view = { locale: 'de-DE', phone: true, dark }
      const { page } = await pages.open(tenant, '/console/settings', admin, view)
      await page.getByRole('heading', { name: 'Einstellungen', exact: true }).waitFor()
      for (const path of ['/console/settings', '/console', '/auth/sign-in']) {
        await page.goto(pages.originOf(tenant) + path)
        await pages.settled(page)
        expect(await inPage(page, 'overflow()')).toBeLessThanOrEqual(0)
        await page.evaluate(axe)
        const { violations } = await page.evaluate<AxeResults>('axe.run()')
        expect(violations.flatMap((it) => it.nodes.map((node) => `${it.id} ${node.html}`))).toEqual(
          [],
        )
      }
    }
  },
)

test.each([
  ['fr-FR', 'Anmelden'],
  ['en-GB', 'Sign in'],
])(
  'a browser that wants %s reads the sign-in page of a German tenant as %j',
  async (locale, title) => {
    const { tenant, admin } = await makeTeam()
    await changeAs(tenant, admin, { locale: 'de' })
    const { page } = await pages.open(tenant, '/auth/sign-in', undefined, { locale })
    await page.getByText('Acme Works').waitFor()
    await page.getByRole('heading', { name: title }).waitFor()
  },
)

test('a member who may not change the settings sees no entry of them', async () => {
  const { tenant } = await makeTeam()
  const manager = await tenant.makeUser({ roles: ['manager'] })
  const { page } = await pages.open(tenant, '/console', manager)
  await page.getByRole('link', { name: 'Members' }).waitFor()
  expect(await page.getByRole('link', { name: 'Settings', exact: true }).count()).toBe(0)
  expect(await page.getByText('Set up your workspace').count()).toBe(0)
})
