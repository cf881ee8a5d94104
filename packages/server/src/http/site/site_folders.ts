import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { App } from '../../app/define_app.ts'

const PACKAGE = 'tenantry-web'

/**
 * The folders of the built pages: those of the package `tenantry-web`, if the app depends on it, and then the
 * app's own build in `web/dist`, whose files replace those of the package. Neither is required.
 */
export function siteFolders({ migrations }: Pick<App, 'migrations'>): string[] {
  const app = folderOf(migrations)
  const packaged = packageFolder(app)
  const candidates = [
    ...(packaged === undefined ? [] : [join(packaged, 'site')]),
    join(app, 'web/dist'),
  ]
  return candidates.filter((it) => existsSync(it))
}

/** Whether the app has pages of its own that nothing has built yet. */
export function hasUnbuiltPages({ migrations }: Pick<App, 'migrations'>): boolean {
  const web = join(folderOf(migrations), 'web')
  return existsSync(join(web, 'vite.config.ts')) && !existsSync(join(web, 'dist'))
}

// `new URL('../migrations', import.meta.url)` names a folder without the slash at its end.
function folderOf(migrations: URL): string {
  const folder = migrations.pathname.endsWith('/') ? migrations : new URL(`${migrations.href}/`)
  return fileURLToPath(new URL('..', folder))
}

function packageFolder(app: string): string | undefined {
  try {
    return dirname(createRequire(join(app, 'package.json')).resolve(`${PACKAGE}/package.json`))
  } catch (error) {
    const isMissing = error instanceof Error && 'code' in error && error.code === 'MODULE_NOT_FOUND'
    if (isMissing) return undefined
    throw error
  }
}
