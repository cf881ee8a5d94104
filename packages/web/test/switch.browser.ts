import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import type { AxeResults } from 'axe-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { TestTenant, TestUser } from '../../server/src/testing.ts'
import { inPage, type Pages, shoot, startPagesWithHosts, type View } from './pages.ts'

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

let pages: Pages
beforeAll(async () => {
  pages = await startPagesWithHosts()
})
afterEach(() => pages.finish())
afterAll(() => pages.close())

interface Scene {
  home: TestTenant
  other: TestTenant
  user: TestUser
}

const hostOf = (tenant: TestTenant) => new URL(pages.originOf(tenant)).host

async function makeScene(): Promise<Scene> {
  const home = await pages.api.makeTenant({ name: 'Home Works' })
  const other = await pages.api.makeTenant({ name: 'Other Works' })
  const user = await home.makeUser({ roles: ['admin_tenant'] })
  await other.makeUser({ email: user.email, roles: ['operator'] })
  return { home, other, user }
}

describe('a person with two workspaces', () => {
  test('goes from one to the other without a password', async () => {
    const { home, other, user } = await makeScene()
    const { page, context } = await pages.open(home, '/account', user)
    await page.getByRole('heading', { name: 'Your workspaces' }).waitFor()
    await page.getByRole('heading', { name: 'Your workspaces' }).scrollIntoViewIfNeeded()
    await shoot(page, 'workspaces')
    await page.getByRole('link', { name: 'Go to Other Works' }).click()
    // Three pages load on the way.
    await page.waitForURL(`${pages.originOf(other)}/console`, { timeout: 30_000 })
    await page.getByRole('heading', { level: 1, name: /Welcome/ }).waitFor()
    const cookies = await context.cookies([pages.originOf(home), pages.originOf(other)])
    expect(cookies.map((it) => [it.domain, it.httpOnly])).toEqual(
      expect.arrayContaining([home, other].map((it) => [`${it.subdomain}.localhost`, true])),
    )
    expect(await page.evaluate('JSON.stringify(sessionStorage)')).toBe('{}')
  })

  test('is asked where a link of another page leads them', async () => {
    const { home, other, user } = await makeScene()
    const { page } = await pages.open(home, '/account', user)
    await page.goto(`${pages.originOf(other)}/auth/switch?from=${home.subdomain}`)
    await page.getByRole('heading', { name: 'Go to Other Works' }).waitFor()
    // The page that asks is at home, where the person is signed in.
    expect(new URL(page.url()).host).toBe(new URL(pages.originOf(home)).host)
    await page
      .getByText(`You go on as ${user.email} at ${new URL(pages.originOf(other)).host}.`)
      .waitFor()
    await page.getByRole('button', { name: 'Continue' }).click()
    await page.waitForURL(`${pages.originOf(other)}/console`)
  })

  test.each([
    ['another workspace', (scene: Scene) => `${Date.now()} ${hostOf(scene.home)}`],
    ['this one, a minute ago', (scene: Scene) => `${Date.now() - 60_000} ${hostOf(scene.other)}`],
  ])('is asked where they chose %s', async (_, kept) => {
    const scene = await makeScene()
    const { page } = await pages.open(scene.home, '/account', scene.user)
    await page.evaluate(`sessionStorage.setItem('tenantry.chosen', '${kept(scene)}')`)
    await page.goto(`${pages.originOf(scene.other)}/auth/switch?from=${scene.home.subdomain}`)
    await page.getByRole('button', { name: 'Continue' }).waitFor()
    expect(await page.evaluate(`sessionStorage.getItem('tenantry.chosen')`)).toBe(null)
  })

  test('changes nothing by opening the page, and can stay', async () => {
    const { home, other, user } = await makeScene()
    const { page } = await pages.open(other, `/auth/switch?from=${home.subdomain}`, undefined, {
      expected: [401],
    })
    await page.waitForURL(/\/auth\/sign-in/)
    const signedIn = await pages.open(home, '/account', user)
    await signedIn.page.goto(`${pages.originOf(other)}/auth/switch?from=${home.subdomain}`)
    await signedIn.page.getByRole('link', { name: 'Stay here' }).click()
    await signedIn.page.getByRole('heading', { level: 1, name: /Welcome/ }).waitFor()
    const sessions = await pages.api.database.inTenant(
      { tenant: other, deadline: 'background' },
      (db) =>
        db.selectFrom('tenantry.sessions').select('id').where('method', '=', 'hand_over').execute(),
    )
    expect(sessions).toEqual([])
  })
})

describe('an attacker', () => {
  // A script of the source could use the code of a reply in another browser.
  test('gets no code by a script on a page of the source', async () => {
    const { home, other, user } = await makeScene()
    const { page } = await pages.open(home, '/account', user, { expected: [403] })
    const challenge = 'c'.repeat(43)
    const body = new URLSearchParams({ to: other.id, challenge }).toString()
    const answers = await page.evaluate<unknown[]>(`(async () => {
      const send = (more) => fetch('/api/hand-overs', {
        method: 'POST', body: new URLSearchParams(${JSON.stringify(body)}), ...more,
      }).then(async (it) => [it.status, it.url.includes('code='), (await it.text()).includes('code=')])
      const faked = { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }
      return [await send({}), await send({ redirect: 'manual' }), await send({ headers: faked })]
    })()`)
    expect(answers).toEqual(Array(3).fill([403, false, false]))
  })

  test.each([
    'evil.example',
    'https://evil.example',
    '//evil.example',
    'a.evil.example#',
    'evil.example/',
  ])('cannot lead the browser to another host: from=%s', async (from) => {
    const { other } = await makeScene()
    const { page } = await pages.open(other, `/auth/switch?from=${encodeURIComponent(from)}`)
    await page.getByRole('heading', { name: 'You could not be signed in there' }).waitFor()
    expect(new URL(page.url()).host).toBe(new URL(pages.originOf(other)).host)
  })

  test('cannot send a person to a workspace that is not theirs', async () => {
    const { home, user } = await makeScene()
    const foreign = await pages.api.makeTenant()
    const path = `/auth/switch?to=${foreign.subdomain}&challenge=${'c'.repeat(43)}`
    const { page } = await pages.open(home, path, user)
    await page.getByRole('heading', { name: 'You could not be signed in there' }).waitFor()
  })
})

test.each([
  ['en-dark-phone', { dark: true, phone: true }, 'Go to Other Works'],
  ['de-phone', { locale: 'de-DE', phone: true }, 'Zu Other Works wechseln'],
] as const)('the page is accessible and fits: %s', async (name, view: View, title) => {
  const { home, other, user } = await makeScene()
  const { page } = await pages.open(home, '/account', user, view)
  await page.goto(`${pages.originOf(other)}/auth/switch?from=${home.subdomain}`)
  await page.getByRole('heading', { name: title }).waitFor()
  await pages.settled(page)
  await shoot(page, `switch-${name}`)
  expect(await inPage(page, 'overflow()')).toBeLessThanOrEqual(0)
  await page.evaluate(axe)
  const { violations } = await page.evaluate<AxeResults>(`axe.run({ resultTypes: ['violations'] })`)
  expect(violations.map((it) => it.id)).toEqual([])
})
