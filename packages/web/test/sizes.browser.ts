import { readdir, readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Pages, startPages } from './pages.ts'

const KB = 1_000
const assets = join(import.meta.dirname, '../../../starter/web/dist/assets')

let pages: Pages
beforeAll(async () => {
  pages = await startPages()
})
afterAll(() => pages.close())

/** The bytes of the scripts and styles that a page loads until it is quiet, as a browser gets them. */
async function loaded(path: string, signedIn: boolean) {
  const tenant = await pages.api.makeTenant()
  const user = signedIn ? await tenant.makeUser({ roles: ['admin_tenant'] }) : undefined
  const { page } = await pages.open(tenant, '/auth/no-page', user)
  const names = new Set<string>()
  page.on('request', (request) => names.add(basename(new URL(request.url()).pathname)))
  // Chromium's cache would answer in the place of the server.
  const client = await page.context().newCDPSession(page)
  await client.send('Network.setCacheDisabled', { cacheDisabled: true })
  await page.goto(pages.originOf(tenant) + path, { waitUntil: 'networkidle' })
  return { js: await sizeOf(names, '.js'), css: await sizeOf(names, '.css') }
}

async function sizeOf(names: Iterable<string>, ending: string): Promise<number> {
  const files = [...names].filter((it) => it.endsWith(ending))
  expect(files).not.toEqual([])
  const sizes = await Promise.all(files.map(size))
  return sizes.reduce((sum, it) => sum + it, 0)
}

/** The bytes of a file as a browser gets it. */
async function size(name: string): Promise<number> {
  return gzipSync(await readFile(join(assets, name))).length
}

test('the sign-in page loads at most 110 kB of scripts and 15 kB of styles', async () => {
  const { js, css } = await loaded('/auth/sign-in', false)
  expect(js).toBeLessThanOrEqual(110 * KB)
  expect(css).toBeLessThanOrEqual(15 * KB)
})

test('the first page of the console loads at most 200 kB of scripts', async () => {
  const { js } = await loaded('/console', true)
  expect(js).toBeLessThanOrEqual(200 * KB)
})

test('each page has at most 25 kB of its own, and Base UI 90 kB in one file', async () => {
  const names = (await readdir(assets)).filter((it) => it.endsWith('.js'))
  const own = names.filter((it) => it.includes('.page-'))
  expect(own.length).toBeGreaterThan(5)
  for (const name of own) expect(await size(name), name).toBeLessThanOrEqual(25 * KB)
  const base = names.filter((it) => it.startsWith('base-ui'))
  expect(base).toHaveLength(1)
  expect(await size(base[0] ?? '')).toBeLessThanOrEqual(90 * KB)
})
