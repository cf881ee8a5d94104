import { join } from 'node:path'
import { chromium } from 'playwright-core'
import { createServer } from 'vite'
import { expect, inject, onTestFinished, test } from 'vitest'
import { startPages } from './pages.ts'

test('vite serves the pages beside the API, and reports what the built pages may not do', async () => {
  const pages = await startPages()
  onTestFinished(() => pages.close())
  const tenant = await pages.api.makeTenant()
  const user = await tenant.makeUser({ roles: ['operator'] })
  process.env['TENANTRY_ORIGIN'] = `http://127.0.0.1:${pages.api.port}`
  const vite = await createServer({
    configFile: join(import.meta.dirname, '../../../starter/web/vite.config.ts'),
    server: { port: 0, host: '127.0.0.1' },
    logLevel: 'error',
  })
  onTestFinished(() => vite.close())
  await vite.listen()
  const { port } = new URL(vite.resolvedUrls?.local[0] ?? '')
  const browser = await chromium.connect(inject('browser'))
  onTestFinished(() => browser.close())
  const page = await browser.newPage()
  const reported: string[] = []
  page.on('console', (message) => {
    // Vite reloads a page when it has bundled a package that it had not met before; what the page still
    // asks for then is outdated.
    if (/outdated optimize dep/i.test(message.text())) return
    if (/report.only|error/i.test(message.text())) reported.push(message.text())
  })
  const opened = await page.goto(`http://${tenant.subdomain}.localhost:${port}/auth/sign-in`)
  const built = await tenant.send({ path: '/auth/sign-in' })
  const strict = opened?.headers()['content-security-policy-report-only'] ?? ''
  expect(withoutHotReplacement(strict)).toBe(built.headers['content-security-policy'])
  const signIn = async () => {
    await page.getByLabel('E-mail address').fill(user.email)
    await page.getByLabel('Password', { exact: true }).fill(user.password)
    await page.keyboard.press('Enter')
    await page.waitForURL(/\/console/, { timeout: 10_000 })
  }
  await signIn().catch(signIn)
  await page.getByRole('heading', { level: 1 }).waitFor({ timeout: 30_000 })
  expect(await page.title()).toMatch(/ · Tenantry Starter$/)
  expect(reported).toEqual([])
  const load = "document.body.append(Object.assign(new Image(), { src: '//x.invalid/' }))"
  const reports = async () => {
    await page.evaluate(load).catch(() => undefined)
    return reported.join()
  }
  await expect.poll(reports, { timeout: 15_000 }).toContain('img-src')
}, 60_000)

// A report cannot say who may put the page into a frame.
function withoutHotReplacement(policy: string): string {
  return policy
    .replaceAll(" 'unsafe-inline'", '')
    .replace(' ws:', '')
    .replace("base-uri 'none'", "base-uri 'none'; frame-ancestors 'none'")
}
