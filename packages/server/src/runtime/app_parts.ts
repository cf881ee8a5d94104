import type { Logger } from 'pino'
import { createPasswords, type Passwords } from '../access/passwords.ts'
import type { Config } from '../config/config.ts'
import { type OpenDatabase, openDatabase, type PoolStats } from '../db/open_database.ts'
import type { Database } from '../db/tenancy.ts'
import { createInvalidationListener, type InvalidationListener } from '../invalidation/listener.ts'
import { createMail, type Mail } from '../mail/mail.ts'

/** What an app reaches outside of its process: its owner opens and closes it. */
export interface AppParts {
  database: Database
  poolStats(): PoolStats[]
  /** Starts when its owner starts it; until then every look-up asks the database. */
  listener: InvalidationListener
  passwords: Passwords
  mail: Mail
}

/** The parts that the settings ask for, with the pools behind them. */
export interface OpenParts extends AppParts {
  opened: OpenDatabase
}

/** Creates the parts of an app. `listenUrl` is a direct DSN. Nothing connects before it is used. */
export function createAppParts(config: Config, log: Logger, listenUrl: string): OpenParts {
  let isClosing = false
  const opened = openDatabase(config, (err) => {
    if (!isClosing) log.warn({ err }, 'an idle connection to the database was lost')
  })
  const { database } = opened
  const listener = createInvalidationListener({
    url: listenUrl,
    database,
    onError: (err) => log.warn({ err }, 'invalidations are not received; trying again'),
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
