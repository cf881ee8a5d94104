import type { Logger } from 'pino'
import { createPasswords, type Passwords } from '../access/passwords.ts'
import type { Config } from '../config/config.ts'
import { type OpenDatabase, openDatabase, type PoolStats } from '../db/open_database.ts'
import type { ReadReplica } from '../db/replica/read_replica.ts'
import type { Database, WorkerDatabase } from '../db/tenancy.ts'
import { createInvalidationListener, type InvalidationListener } from '../invalidation/listener.ts'
import { createJobSignals, type JobSignals } from '../jobs/job_signal.ts'
import { createMail, type Mail, mailSettingsOf } from '../mail/mail.ts'

/** What an app reaches outside of its process. Its owner opens and closes these parts. */
export interface AppParts {
  database: Database
  /** The scopes of the worker. Undefined in a process that runs no jobs. */
  workerDatabase?: WorkerDatabase | undefined
  poolStats(): PoolStats[]
  /** Its owner starts it. Undefined without DB_READ_URL. */
  replica?: ReadReplica | undefined
  /** Its owner starts it; until then every look-up asks the database. */
  listener: InvalidationListener
  jobs: JobSignals
  passwords: Passwords
  mail: Mail
}

/** The parts that the settings describe, with the pools behind them. */
export interface OpenParts extends AppParts {
  opened: OpenDatabase
}

/** Creates the parts of an app. `listenUrl` is a direct DSN. Nothing connects before it is used. */
export function createAppParts(
  config: Config,
  log: Logger,
  listenUrl: string,
  passwords = createPasswords(),
): OpenParts {
  let isClosing = false
  const opened = openDatabase(
    config,
    (err) => {
      if (!isClosing) log.warn({ err }, 'lost an idle connection to the database')
    },
    { isInformed: () => listener.isFresh(), onChange: (fault) => logReplica(log, fault) },
  )
  const { database } = opened
  const jobs = createJobSignals()
  const listener: InvalidationListener = createInvalidationListener({
    url: listenUrl,
    database,
    onError: (err) => log.warn({ err }, 'no invalidations are received; trying again'),
    onJobs: jobs.received,
    writes: opened.replica?.writes,
  })
  jobs.onAnnounce(() => listener.announceJobs())
  return {
    opened: {
      ...opened,
      close() {
        isClosing = true
        return opened.close()
      },
    },
    database,
    workerDatabase: opened.worker,
    poolStats: opened.stats,
    replica: opened.replica,
    listener,
    jobs,
    passwords,
    mail: createMail({ ...mailSettingsOf(config), sharesConnections: true, log }),
  }
}

function logReplica(log: Logger, fault: Error | undefined): void {
  if (fault === undefined) log.info('reads go to the replica of DB_READ_URL, too')
  else
    log.warn({ err: fault }, 'no reads go to the replica of DB_READ_URL: the primary answers all')
}
