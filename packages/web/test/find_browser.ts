import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

// The shells first: they are Chromium without the windows of a desktop, for which the whole browser takes as much
// processor time as for the pages.
const NAMES = ['chromium-headless-shell', 'chrome-headless-shell', 'chromium', 'google-chrome']

/** The path of a Chromium: CHROMIUM_PATH, or one on the PATH. */
export function findBrowser(env: NodeJS.ProcessEnv): string | undefined {
  const given = env['CHROMIUM_PATH']
  if (given) return given
  const folders = (env['PATH'] ?? '').split(delimiter)
  return NAMES.flatMap((name) => folders.map((it) => join(it, name))).find(isExecutable)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
