import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { chromium } from 'playwright-core'
import type { TestProject } from 'vitest/node'
import { findBrowser } from './find_browser.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** Where the one browser of the run listens. */
    browser: string
  }
}

/** Builds the pages, so that the tests see the sources, and starts one browser for all of them. */
export async function setup({ provide }: TestProject): Promise<() => Promise<void>> {
  const executablePath = findBrowser(process.env)
  if (executablePath === undefined) throw new Error('no Chromium: set CHROMIUM_PATH')
  const root = join(import.meta.dirname, '../../..')
  await promisify(execFile)(process.execPath, [join(root, 'scripts/pages/build_pages.mjs')])
  const server = await chromium.launchServer({
    executablePath,
    // Root, as in a container, has no sandbox; the tests load no page but their own.
    args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
  })
  provide('browser', server.wsEndpoint())
  return () => server.close()
}
