import { pino } from 'pino'
import { createPasswords } from '../access/passwords.ts'
import type { App } from '../app/define_app.ts'
import { loadConfig } from '../config/config.ts'
import { openDatabase } from '../db/open_database.ts'
import { createInvalidationListener } from '../invalidation/listener.ts'
import { createMail } from '../mail/mail.ts'
import { createApp, type RunningApp } from './create_app.ts'

// Pools connect when they are first used, and here nothing uses them.
const NOWHERE = 'postgresql://nobody@localhost:1/none'

/** What an app is to the outside, the kernel's routes included, without a database. */
export async function describeApp(app: App): Promise<Pick<RunningApp, 'routes' | 'document'>> {
  const config = loadConfig({ DB_URL: NOWHERE, DB_IDENTITY_URL: NOWHERE })
  const log = pino({ level: 'silent' })
  const { database } = openDatabase(config, () => {})
  const { DATA_DIR: dataDir, MAIL_FROM: from, production } = config
  const { routes, document, close } = await createApp({
    app,
    config,
    secret: 'describes, and signs nothing',
    database,
    listener: createInvalidationListener({ url: NOWHERE, database, onError: () => {} }),
    log,
    passwords: createPasswords(),
    mail: createMail({ smtpUrl: undefined, from, dataDir, production, log }),
  })
  await close()
  return { routes, document }
}
