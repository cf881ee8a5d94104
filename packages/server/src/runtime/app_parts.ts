import type { Logger } from 'pino'
import { createPasswords, type Passwords } from '../access/passwords.ts'
import type { Config } from '../config/config.ts'
import { type OpenDatabase, openDatabase, type PoolStats } from '../db/open_database.ts'
import type { Database } from '../db/tenancy.ts'
import { createInvalidationListener, type InvalidationListener } from '../invalidation/listener.ts'
import { createMail, type Mail } from '../mail/mail.ts'

/** What an app reaches outside of its process. Its owner opens and closes these parts. */
export interface AppParts {
  database: Database
  poolStats(): PoolStats[]
  /** Its owner starts it; until then every look-up asks the database. */
  listener: InvalidationListener
  passwords: Passwords
  mail: Mail
}

/** The parts that the settings describe, with the pools behind them. */
export interface OpenParts extends AppParts {
  opened: OpenDatabase
}

/** Creates the parts of an app. `listenUrl` is a direct DSN. Nothing connects before it is used. */
export function createAppParts(config: Config, log: Logger, listenUrl: string): OpenParts {
  let isClosing = false
  const opened = openDatabase(config, (err) => {
    if (!isClosing) log.warn({ err }, 'lost an idle connection to the database')
  })
  const { database } = opened
  const listener = createInvalidationListener({
    url: listenUrl,
    database,
    onError: (err) => log.warn({ err }, 'no invalidations are received; trying again'),
  })
  const { SMTP_URL: smtpUrl, MAIL_FROM: from, DATA_DIR: dataDir, production } = config
  return {
    opened: {
      ...opened,
      close() {
        isClosing = true
        return opened.close()
      },
    },
    database,
    poolStats: opened.stats,
    listener,
    passwords: createPasswords(),
    mail: createMail({ smtpUrl, from, dataDir, production, log }),
  }
}
