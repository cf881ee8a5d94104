import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Browser, chromium } from 'playwright-core'
import { build } from 'vite'
import { compressFiles } from '../../../packages/web/src/build/compress_files.ts'
import { findBrowser } from '../../../packages/web/test/find_browser.ts'
import type { Figure } from '../figure.ts'
import { median } from '../statistics.ts'
import { makeTenant } from '../tenants.ts'

const ROUNDS = 21

export const signInPage: Figure = {
  name: 'sign-in-page',
  what: 'time until the sign-in page can be typed into, in Chromium with an empty cache, against a bare React page with one field from the same server',
  target: { atMost: 2 },
  unit: ' x',
  async measure(bench) {
    // The server has no other page at this path, and reads its files when it starts.
    await buildBarePage(bench.app.folder, 'account')
    const { port } = await bench.startApp()
    const { host } = await makeTenant(bench.database, port)
    const origin = `http://${host}:${port}`
    return withBrowser(async (browser) => {
      const ours: number[] = []
      const bare: number[] = []
      // The first round warms up the browser and the server.
      for (let round = -1; round < ROUNDS; round++) {
        const times = [
          await typeableAfter(browser, `${origin}/auth/sign-in`),
          await typeableAfter(browser, `${origin}/account`),
        ] as const
        if (round < 0) continue
        ours.push(times[0])
        bare.push(times[1])
      }
      const text = (times: number[]) =>
        `median ${median(times).toFixed(0)} ms, fastest ${Math.min(...times).toFixed(0)} ms`
      return {
        value: median(ours.map((it, at) => it / (bare[at] ?? Number.NaN))),
        notes: [
          `sign-in page: ${text(ours)}`,
          `bare React page: ${text(bare)}, of ${ROUNDS} loads`,
        ],
      }
    })
  },
}

/** Builds a page that renders one field, compressed as the pages are. */
async function buildBarePage(app: string, surface: string): Promise<void> {
  const root = join(app, 'bare')
  await mkdir(join(root, surface), { recursive: true })
  await writeFile(join(root, 'bare.js'), SCRIPT)
  await writeFile(join(root, surface, 'index.html'), HTML)
  await build({
    root,
    configFile: false,
    logLevel: 'error',
    plugins: [compressFiles()],
    build: {
      outDir: '../web/dist',
      emptyOutDir: false,
      rolldownOptions: { input: join(root, surface, 'index.html') },
    },
  })
}

const HTML = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Bare</title></head>
<body><div id="root"></div><script type="module" src="/bare.js"></script></body></html>
`
const SCRIPT = `import { createElement } from 'react'
import { createRoot } from 'react-dom/client'
createRoot(document.getElementById('root')).render(createElement('input', { 'aria-label': 'hello' }))
`

async function withBrowser<T>(work: (browser: Browser) => Promise<T>): Promise<T> {
  const executablePath = findBrowser(process.env)
  if (executablePath === undefined) throw new Error('no Chromium: set CHROMIUM_PATH')
  const args = ['--host-resolver-rules=MAP *.app.test 127.0.0.1']
  // Root has no sandbox; the figure loads no page but the server's own.
  if (process.getuid?.() === 0) args.push('--no-sandbox')
  const browser = await chromium.launch({ executablePath, args })
  try {
    return await work(browser)
  } finally {
    await browser.close()
  }
}

/** Milliseconds from the start of the navigation until a field is there and the main thread is free. */
async function typeableAfter(browser: Browser, url: string): Promise<number> {
  const context = await browser.newContext()
  try {
    const page = await context.newPage()
    await page.addInitScript(WATCH)
    await page.goto(url)
    return await page.evaluate<number>('globalThis.typeable')
  } finally {
    await context.close()
  }
}

const WATCH = `globalThis.typeable = new Promise((resolve) => {
  const observer = new MutationObserver(() => {
    if (document.querySelector('#root input') === null) return
    observer.disconnect()
    setTimeout(() => resolve(performance.now()))
  })
  observer.observe(document, { childList: true, subtree: true })
})`
