import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { expect, inject } from 'vitest'
import { app } from '../../../starter/src/app.ts'
import {
  startTestApp,
  type TestApp,
  type TestTenant,
  type TestUser,
} from '../../server/src/testing.ts'
import { domainRow } from '../../server/test/fixtures/domain_row.ts'
import { freePort } from '../../server/test/fixtures/free_port.ts'

/** How a browser is set up. */
export interface View {
  dark?: boolean
  phone?: boolean
  locale?: string
  /** Error statuses that the test provokes. Any other error fails it. */
  expected?: number[]
}

/** A page in a browser context of its own, with what went wrong on it. */
export interface OpenPage {
  page: Page
  context: BrowserContext
  problems: string[]
}

/** The server, the browser and the pages of one test file. */
export interface Pages {
  api: TestApp
  originOf(tenant: TestTenant): string
  /** Opens a path of a tenant, signed in if a user is given. */
  open(tenant: TestTenant, path: string, user?: TestUser, view?: View): Promise<OpenPage>
  /** Waits until a page has its heading and all that it reads and loads. */
  settled(page: Page): Promise<void>
  /** Fails on any error of the pages that were opened since the last call, and closes them. */
  finish(): Promise<void>
  close(): Promise<void>
}

export const DESKTOP = { width: 1280, height: 800 }
export const PHONE = { width: 375, height: 740 }

/** Starts the starter with its built pages. */
export async function startPages(settings: Record<string, string> = {}): Promise<Pages> {
  const api = await startTestApp(app, { SIGNIN_LIMIT_ACCOUNT: '1000', ...settings })
  const browser = await chromium.connect(inject('browser'))
  const opened: OpenPage[] = []
  const { PUBLIC_ORIGIN = `http://{tenant}.localhost:${api.port}` } = settings
  const originOf = ({ subdomain }: TestTenant) => PUBLIC_ORIGIN.replace('{tenant}', subdomain)
  return {
    api,
    originOf,
    async open(tenant, path, user, view = {}) {
      const it = await openContext(browser, view)
      opened.push(it)
      if (user !== undefined) await signIn(api, it, originOf(tenant), user)
      await it.page.goto(originOf(tenant) + path)
      return it
    },
    settled,
    async finish() {
      const done = opened.splice(0)
      const problems = done.flatMap((it) => it.problems)
      await Promise.all(done.map((it) => it.context.close()))
      expect(problems).toEqual([])
    },
    async close() {
      await browser.close()
      await api.close()
    },
  }
}

/** The same with APP_HOST, and with tenants on the hosts that mails and links name: for ways between hosts. */
export async function startPagesWithHosts(settings: Record<string, string> = {}): Promise<Pages> {
  const PORT = String(await freePort())
  const PUBLIC_ORIGIN = `http://{tenant}.localhost:${PORT}`
  return startPages({ PORT, APP_HOST: 'app.localhost', PUBLIC_ORIGIN, ...settings })
}

/** The same, where other names of this machine can be custom domains: of another site than the tenants, by http. */
export async function startPagesWithDomains(settings: Record<string, string> = {}): Promise<Pages> {
  const PORT = String(await freePort())
  return startPagesWithHosts({
    ...{ PORT, BASE_DOMAINS: 'base.localhost,app.test', APP_HOST: 'app.base.localhost' },
    ...{ PUBLIC_ORIGIN: `http://{tenant}.base.localhost:${PORT}`, ...settings },
  })
}

/** Adds a verified domain. Returns its origin. */
export async function addDomain(
  { api }: Pages,
  { id }: TestTenant,
  { isPrimary = false, name = `shop-${randomBytes(5).toString('hex')}.localhost` } = {},
): Promise<URL> {
  await api.database.acrossTenants('test', (db) =>
    db
      .insertInto('tenantry.domains')
      .values({ ...domainRow(name, id), is_primary: isPrimary })
      .execute(),
  )
  await api.listener.sync()
  return new URL(`http://${name}:${api.port}`)
}

/** Keeps a picture of a page where SCREENSHOTS names a folder, for a person to look at. */
export async function shoot(page: Page, name: string): Promise<void> {
  const folder = process.env['SCREENSHOTS']
  if (folder !== undefined) await page.screenshot({ path: `${folder}/${name}.png` })
}

/**
 * The page shows no sign of loading, and asks for nothing. Playwright's `networkidle` would wait half a second
 * more for each page.
 */
async function settled(page: Page): Promise<void> {
  await page.locator('main h1').first().waitFor()
  await page.evaluate(helpers)
  await page.evaluate('tests.settled()')
}

async function openContext(browser: Browser, view: View): Promise<OpenPage> {
  const context = await browser.newContext({
    viewport: view.phone ? PHONE : DESKTOP,
    colorScheme: view.dark ? 'dark' : 'light',
    locale: view.locale ?? 'en-GB',
    reducedMotion: 'reduce',
  })
  context.setDefaultTimeout(10_000)
  const page = await context.newPage()
  return { page, context, problems: problemsOf(page, view.expected ?? []) }
}

/** Errors of scripts, violations of the content policy, and requests that failed or were rejected. */
function problemsOf(page: Page, expected: number[]): string[] {
  const problems: string[] = []
  page.on('pageerror', (error) => problems.push(`error: ${error.message}`))
  page.on('console', (message) => {
    const text = message.text()
    // A reply with an error status is judged below, where its status is known.
    const isJudged = text.startsWith('Failed to load resource')
    const isOffline = expected.includes(0) && /Failed to fetch dynamically imported/.test(text)
    if (message.type() === 'error' && !isJudged && !isOffline) problems.push(text)
  })
  page.on('requestfailed', (request) => {
    // The page leaves or cancels a search: nothing failed.
    const reason = request.failure()?.errorText
    if (reason !== 'net::ERR_ABORTED' && !expected.includes(0)) {
      problems.push(`${reason}: ${request.url()}`)
    }
  })
  page.on('response', (reply) => {
    const status = reply.status()
    if (status >= 400 && !expected.includes(status)) {
      problems.push(`${status} ${reply.request().method()} ${reply.url()}`)
    }
  })
  return problems
}

// By the API: only the tests of the form need the form, and loading its page takes as long as the page of a test.
async function signIn(api: TestApp, { page, context }: OpenPage, origin: string, user: TestUser) {
  const { email, password } = user
  const reply = await api.send(new URL(origin).host, {
    method: 'POST',
    path: '/api/auth/login',
    headers: { origin, 'user-agent': await page.evaluate('navigator.userAgent') },
    body: { email, password, session: 'cookie' },
  })
  expect(reply.status).toBe(200)
  const [, name = '', value = ''] = /^([^=]+)=([^;]+)/.exec(reply.headers['set-cookie'] ?? '') ?? []
  const attributes = { secure: true, httpOnly: true, sameSite: 'Strict' } as const
  await context.addCookies([{ name, value, url: origin, ...attributes }])
}

const helpers = await readFile(new URL('in_page.js', import.meta.url), 'utf8')

/** The result of one of the functions of in_page.js. */
export async function inPage<T>(page: Page, call: string): Promise<T> {
  await page.evaluate(helpers)
  return page.evaluate<T>(`tests.${call}`)
}

/** Names that a page must show as they are. */
export const hostile = {
  markup: '<img src=x onerror=alert(1)>',
  rightToLeft: 'مرحبا بالعالم',
  long: 'W'.repeat(200),
}
