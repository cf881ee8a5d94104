import type { BrowserContext } from 'playwright-core'
import type { OpenPage } from './pages.ts'

/**
 * The address with a code to which an act in the page leads. Playwright's routes do not see the request of a redirect, which
 * would use the code up.
 */
export async function caughtRedemption(
  { page, context }: OpenPage,
  act: () => Promise<void>,
): Promise<URL> {
  const devtools = await context.newCDPSession(page)
  await devtools.send('Fetch.enable', { patterns: [{ urlPattern: '*hand-over-redemptions*' }] })
  const caught = new Promise<URL>((resolve, reject) => {
    devtools.on('Fetch.requestPaused', ({ requestId, request }) => {
      const failed = devtools.send('Fetch.failRequest', { requestId, errorReason: 'Aborted' })
      failed.then(() => resolve(new URL(request.url)), reject)
    })
  })
  await act()
  const url = await caught
  await devtools.detach()
  return url
}

/** The cookies of an origin except that of a hand-over that was begun. */
export async function sessionCookies(context: BrowserContext, origin: string): Promise<string[]> {
  const names = (await context.cookies(origin)).map((it) => it.name)
  return names.filter((it) => !it.endsWith('-switch'))
}
