import type { App } from '../../app/define_app.ts'
import type { CommandConfig } from '../../config/config.ts'
import { hasUnbuiltPages, siteFolders } from '../../http/site/site_folders.ts'
import type { Check } from './check.ts'

/** Checks whether this installation has the pages that a production server serves: mailed links lead to them. */
export function checkPages(app: App, { WEB, production }: CommandConfig): Check[] {
  const name = 'pages'
  if (!production || WEB.length === 0) return []
  const warn = (detail: string): Check[] => [{ name, state: 'warn', detail }]
  if (hasUnbuiltPages(app))
    return warn("web/ is not built: run npm run build, with the app's devDependencies")
  if (siteFolders(app).length > 0) return [{ name, state: 'ok', detail: WEB.join(', ') }]
  return warn('there are none: depend on tenantry-web, build web/, or set WEB=off')
}
