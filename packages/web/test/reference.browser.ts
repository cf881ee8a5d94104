import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Browser, chromium, type Page } from 'playwright-core'
import { createServer, type ViteDevServer } from 'vite'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import type { TestTenant, TestUser } from '../../server/src/testing.ts'
import { type Pages, startPages } from './pages.ts'

const root = join(import.meta.dirname, '../../..')

// The starter has no field that refers to something: this page has.
const page = `
import { useState } from 'react'
import { Dialog, PageHeader, ReferenceField, ReferenceName } from 'tenantry-web'
import { reference } from '../client.ts'

const searched = reference('projects', {
  list: '/api/projects',
  item: '/api/projects/{project_id}',
  access: 'projects:read',
  search: true,
  name: (it) => it.name,
})
const unsearched = { ...searched, search: false }

export function Page() {
  const given = location.hash.slice(1)
  const [id, choose] = useState('')
  const [other, chooseOther] = useState(given)
  return (
    <>
      <PageHeader title="References" />
      <p data-testid="named"><ReferenceName of={searched} id={given} /></p>
      <Dialog keep title="Choose" onClose={() => document.body.append('closed')}>
        <ReferenceField of={searched} label="Searched" value={id} onChange={choose} />
        <ReferenceField of={unsearched} label="Unsearched" value={other} onChange={chooseOther} />
        <p data-testid="chosen">{id + ' ' + other}</p>
      </Dialog>
    </>
  )
}
`
const main = `
import { page, startConsole } from 'tenantry-web'

const references = page('/references', { access: 'member', load: () => import('./references/references.page.tsx') })
void startConsole({ pages: [references], locales: {} })
`

let pages: Pages
let vite: ViteDevServer
let browser: Browser
let folder: string
let tenant: TestTenant
let admin: TestUser
const ids: Record<string, string> = {}
beforeAll(async () => {
  pages = await startPages()
  folder = mkdtempSync(join(tmpdir(), 'tenantry-reference-'))
  cpSync(join(root, 'starter/web'), join(folder, 'web'), { recursive: true })
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  rmSync(join(folder, 'web/tsconfig.json'))
  writeFileSync(join(folder, 'web/main.tsx'), main)
  cpSync(join(folder, 'web/projects'), join(folder, 'web/references'), { recursive: true })
  writeFileSync(join(folder, 'web/references/references.page.tsx'), page)
  process.env['TENANTRY_ORIGIN'] = `http://127.0.0.1:${pages.api.port}`
  vite = await createServer({
    configFile: join(folder, 'web/vite.config.ts'),
    server: { port: 0, host: '127.0.0.1', fs: { strict: false } },
    cacheDir: join(folder, 'cache'),
    logLevel: 'error',
  })
  await vite.listen()
  browser = await chromium.connect(inject('browser'))
  tenant = await pages.api.makeTenant()
  admin = await tenant.makeUser({ roles: ['admin_tenant'] })
  // More than a page of the list, the oldest of which is on the last one.
  for (const name of ['Zebra', ...Array.from({ length: 110 }, (_, at) => `Project ${at}`)]) {
    const made = await tenant.send({
      method: 'POST',
      path: '/api/projects',
      user: admin,
      body: { name },
    })
    ids[name] = made.json.id
  }
}, 120_000)
afterAll(async () => {
  await browser.close()
  await vite.close()
  await pages.close()
  rmSync(folder, { recursive: true, force: true })
})

async function openAs(user: TestUser, hash: string): Promise<Page> {
  const { port } = new URL(vite.resolvedUrls?.local[0] ?? '')
  const origin = `http://${tenant.subdomain}.localhost:${port}`
  const opened = await browser.newPage({ reducedMotion: 'reduce' })
  await opened.goto(`${origin}/auth/sign-in`)
  await opened.getByLabel('E-mail address').fill(user.email)
  await opened.getByLabel('Password', { exact: true }).fill(user.password)
  await opened.keyboard.press('Enter')
  await opened.waitForURL(/console/, { timeout: 30_000 })
  await opened.goto(`${origin}/console/references#${hash}`)
  await opened.getByRole('dialog').waitFor({ timeout: 30_000 })
  return opened
}

const field = (opened: Page, name: string) => opened.getByLabel(name, { exact: true })

test('a reference is chosen by its name among more rows than a page of the list has', async () => {
  const opened = await openAs(admin, ids['Project 7'] ?? '')
  await expect.poll(() => opened.getByTestId('named').textContent()).toBe('Project 7')
  await expect.poll(() => field(opened, 'Unsearched').inputValue()).toBe('Project 7')
  for (const name of ['Searched', 'Unsearched']) {
    await field(opened, name).fill('zeb')
    await opened.getByRole('option', { name: 'Zebra' }).click()
    expect(await field(opened, name).inputValue()).toBe('Zebra')
  }
  const chosen = `${ids['Zebra']} ${ids['Zebra']}`
  await expect.poll(() => opened.getByTestId('chosen').textContent()).toBe(chosen)
  await opened.getByRole('button', { name: 'Clear' }).first().click()
  await expect.poll(() => opened.getByTestId('chosen').textContent()).toBe(` ${ids['Zebra']}`)
})

test('Escape closes the list, and not the dialog that holds the field', async () => {
  const opened = await openAs(admin, '')
  await field(opened, 'Searched').fill('project 1')
  await opened.getByRole('option').first().waitFor()
  await opened.keyboard.press('Escape')
  await expect.poll(() => opened.getByRole('option').count()).toBe(0)
  expect(await opened.getByText('closed').count()).toBe(0)
  await opened.keyboard.press('Escape')
  await opened.getByText('closed').waitFor({ state: 'attached' })
})

test('an actor who may not read the rows sees and writes their ids', async () => {
  const made = await tenant.send({
    method: 'POST',
    path: '/api/roles',
    user: admin,
    body: { name: 'guest', permissions: ['members:read'] },
  })
  expect(made.status).toBe(201)
  const guest = await tenant.makeUser({ roles: ['guest'] })
  const opened = await openAs(guest, ids['Zebra'] ?? '')
  const asked: string[] = []
  opened.on('request', (request) => asked.push(request.url()))
  expect(await opened.getByTestId('named').textContent()).toBe(ids['Zebra'])
  expect(await opened.getByRole('combobox').count()).toBe(0)
  await field(opened, 'Searched').fill('an id')
  await expect.poll(() => opened.getByTestId('chosen').textContent()).toBe(`an id ${ids['Zebra']}`)
  expect(asked.filter((it) => it.includes('/api/projects'))).toEqual([])
})
