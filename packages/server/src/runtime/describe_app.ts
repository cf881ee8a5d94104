import { pino } from 'pino'
import type { App } from '../app/define_app.ts'
import { loadConfig } from '../config/config.ts'
import { createAppParts } from './app_parts.ts'
import { createApp, type RunningApp } from './create_app.ts'

// Never connected to: a pool connects at its first use.
const UNUSED_DSN = 'postgresql://unused@localhost:1/unused'

/** The routes and the OpenAPI document of an app, including the kernel's, without a database. */
export async function describeApp(app: App): Promise<Pick<RunningApp, 'routes' | 'document'>> {
  const config = loadConfig({ DB_URL: UNUSED_DSN, DB_IDENTITY_URL: UNUSED_DSN })
  const log = pino({ level: 'silent' })
  const parts = createAppParts(config, log, UNUSED_DSN)
  const secret = 'signs nothing while an app is described'
  const { routes, document, close } = await createApp({ app, config, secret, log, parts })
  await close()
  return { routes, document }
}
