import { randomBytes } from 'node:crypto'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type DnsServer, startDnsServer } from '../../server/test/fixtures/dns_server.ts'
import { inPage, type Pages, startPages } from './pages.ts'

let dns: DnsServer
let pages: Pages
beforeAll(async () => {
  dns = await startDnsServer()
  pages = await startPages({ DNS_SERVERS: dns.address, DOMAIN_TARGET: 'edge.example.net' })
})
afterEach(() => pages.finish())
afterAll(async () => {
  await pages.close()
  await dns.close()
})

const newName = () => `shop-${randomBytes(5).toString('hex')}.example`

async function makeTeam() {
  const tenant = await pages.api.makeTenant({ name: 'Acme Works' })
  return { tenant, admin: await tenant.makeUser({ roles: ['admin_tenant'] }) }
}

test('a domain is added, verified, made the primary one and removed', async () => {
  const { tenant, admin } = await makeTeam()
  const name = newName()
  const { page, context } = await pages.open(tenant, '/console', admin)
  await context.grantPermissions(['clipboard-read', 'clipboard-write'])
  await page.getByRole('link', { name: 'Domains' }).click()
  await page.getByText('No domains yet').waitFor()
  await page.getByRole('button', { name: 'Add domain' }).click()
  await page.getByLabel('Domain', { exact: true }).fill(` ${name.toUpperCase()} `)
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: `${name} Not verified` }).waitFor()
  await page.getByText('No TXT record was found.').waitFor()
  await page.getByRole('button', { name: 'Copy tenantry=' }).click()
  await page.getByText('Copied.').waitFor()
  const value = await page.evaluate<string>('navigator.clipboard.readText()')
  expect(value).toMatch(/^tenantry=[0-9a-f]{32}$/)
  expect(await page.getByText('edge.example.net').count()).toBe(1)
  dns.set(`_tenantry.${name}`, { txt: [[value]] })
  await page.getByRole('button', { name: 'Check now' }).click()
  await page.getByText(`${name} is verified.`).waitFor()
  await page.getByText('In the DNS the domain does not lead to edge.example.net yet.').waitFor()
  await page.getByRole('heading', { name: 'Leads it here: CNAME' }).waitFor()
  const menu = () => page.getByRole('button', { name: `Actions for ${name}` }).click()
  await menu()
  await page.getByRole('menuitem', { name: 'Make primary' }).click()
  await page.getByRole('button', { name: 'Make primary anyway' }).click()
  await page.getByRole('heading', { name: `${name} Verified Primary` }).waitFor()
  await menu()
  await page.getByRole('menuitem', { name: 'Remove' }).click()
  const dialog = page.getByRole('dialog')
  expect(await dialog.getByRole('button', { name: 'Remove' }).isDisabled()).toBe(true)
  await dialog.getByLabel(`Type “${name}” to confirm`).fill(name)
  await dialog.getByRole('button', { name: 'Remove' }).click()
  await page.getByText(`${name} has been removed.`).waitFor()
  await page.getByText('No domains yet').waitFor()
})

test('a name that cannot be added is refused at its field', async () => {
  const { tenant, admin } = await makeTeam()
  const { page } = await pages.open(tenant, '/console/domains', admin, { expected: [422] })
  await page.getByRole('button', { name: 'Add domain' }).click()
  const field = page.getByLabel('Domain', { exact: true })
  for (const [name, text] of [
    ['co.uk', 'Anyone can register names under this one'],
    ['192.0.2.1', 'This is an IP address'],
    ['acme.app.test', 'This name belongs to this service'],
    ['no domain', 'Enter a domain name'],
  ] as const) {
    await field.fill(name)
    await page.keyboard.press('Enter')
    await page.getByText(text).waitFor()
  }
})

test('each state fits on a phone, in German and dark', async () => {
  const { tenant, admin } = await makeTeam()
  const long = `${'a-long-label-'.repeat(4)}x.${newName()}`
  for (const name of [newName(), long]) {
    await tenant.send({ method: 'POST', path: '/api/domains', user: admin, body: { name } })
  }
  await pages.api.database.acrossTenants('test', (db) =>
    db
      .updateTable('tenantry.domains')
      .set({ state: 'failing', proof_seen_at: new Date(), verified_at: new Date() })
      .set({ failing_since: new Date(), is_primary: true })
      .where('name', '=', long)
      .execute(),
  )
  const view = { locale: 'de-DE', phone: true, dark: true }
  const { page } = await pages.open(tenant, '/console/domains', admin, view)
  await page.getByText('Eintrag fehlt', { exact: true }).waitFor()
  await page.getByText('Hauptdomain', { exact: true }).waitFor()
  expect(await inPage(page, 'overflow()')).toBeLessThanOrEqual(0)
})

test('a member who may only read sees no buttons', async () => {
  const { tenant, admin } = await makeTeam()
  const reader = await tenant.makeUser({ roles: ['operator'] })
  const body = { name: newName() }
  await tenant.send({ method: 'POST', path: '/api/domains', user: admin, body })
  const { page } = await pages.open(tenant, '/console/domains', reader)
  await page.getByRole('heading', { name: `${body.name} Not verified` }).waitFor()
  for (const name of ['Add domain', 'Check now', `Actions for ${body.name}`]) {
    expect(await page.getByRole('button', { name }).count(), name).toBe(0)
  }
})
